/**
 * What the package is to a program: the service, its React hook, and all that goes with the service. The views are
 * `tasktree-jupyter/view`; the JupyterLab plugins are for JupyterLab, which finds them by itself.
 */
export * from './core/index.js';
export { useWebSocket, type UseWebSocket } from './view/use-web-socket.js';
