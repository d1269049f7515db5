import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { hubOf } from './hub.js';
import { treeRendererFactory } from './renderer.js';

/** Shows trees in outputs, in JupyterLab and in Notebook 7. */
export const rendererPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:renderer',
  description: 'Shows task trees in outputs: the stored one at once, then live.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, rendermime: IRenderMimeRegistry) => {
    const factory = treeRendererFactory(() => hubOf(app.serviceManager.serverSettings));
    rendermime.addFactory(factory, factory.defaultRank);
  }
};
