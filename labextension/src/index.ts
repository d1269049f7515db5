/** What the package is to JupyterLab. Its parts can be had as `tasktree-jupyter/lib/…`. */
export { default } from './lab/index.js';
