import { LabIcon } from '@jupyterlab/ui-components';
import type { RunState } from './run-state.js';

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

function statusIcon(status: string, colour: string, shapes: string): LabIcon {
  return new LabIcon({
    name: `tasktree:${status}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 14 14">
  <g fill="none" stroke="var(${colour})" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${shapes}</g>
</svg>`
  });
}

/** On a tab, as a run's state in the tree. Before it runs, and where nothing is known, a tab has the tree's icon. */
const STATUS_ICONS: Partial<Record<RunState, LabIcon>> = {
  running: statusIcon(
    'running',
    '--jp-brand-color1',
    '<circle cx="7" cy="7" r="4.75" /><path d="M7 2.25a4.75 4.75 0 0 0 0 9.5z" fill="var(--jp-brand-color1)" />'
  ),
  review: statusIcon(
    'review',
    '--jp-brand-color1',
    '<circle cx="7" cy="7" r="4.75" /><circle cx="7" cy="7" r="2" fill="var(--jp-brand-color1)" />'
  ),
  completed: statusIcon('completed', '--jp-success-color1', '<path d="M2.5 7.5 5.6 10.6 11.5 3.6" />'),
  failed: statusIcon('failed', '--jp-error-color1', '<path d="M3 3 11 11M11 3 3 11" />'),
  cancelled: statusIcon(
    'cancelled',
    '--jp-ui-font-color2',
    '<circle cx="7" cy="7" r="4.75" /><path d="M3.7 3.7 10.3 10.3" />'
  ),
  stale: statusIcon(
    'stale',
    '--jp-warn-color1',
    '<circle cx="7" cy="7" r="4.75" stroke-dasharray="3.2 1.77" /><path d="M7 4.4v2.8l1.7 1.2" />'
  )
};

const onTabs = new Map<LabIcon, LabIcon>();

/** An icon as it fits the tabs of the main area. */
export function tabIconOf(state: RunState | null): LabIcon {
  // A newer server may have states that this page doesn't know.
  const known = state !== null && Object.hasOwn(STATUS_ICONS, state) ? STATUS_ICONS[state] : undefined;
  const icon = known ?? treeIcon;
  let fitted = onTabs.get(icon);
  if (!fitted) {
    fitted = icon.bindprops({ stylesheet: 'mainAreaTab' });
    onTabs.set(icon, fitted);
  }
  return fitted;
}
