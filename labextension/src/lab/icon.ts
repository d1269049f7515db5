import { LabIcon } from '@jupyterlab/ui-components';

/** A tree, half of it done. */
export const treeIcon = new LabIcon({
  name: 'tasktree:tree',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 22 22">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.8" stroke-linecap="round">
    <path d="M6 7.5v9.2h4M6 11h4" />
    <path d="M14.5 11H19M14.5 16.7H19M9.5 5H19" />
  </g>
  <g class="jp-icon3" fill="#616161">
    <circle cx="6" cy="5" r="2.4" />
    <circle cx="11.5" cy="11" r="1.7" />
    <circle cx="11.5" cy="16.7" r="1.7" />
  </g>
</svg>`
});
