import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { hubOf } from './hub.js';
import { treeRendererFactory } from './renderer.js';

/** Shows trees in outputs, in JupyterLab and in Notebook 7. */
export const rendererPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:renderer',
  description: 'Shows task trees in outputs: the stored one at once, then live.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, rendermime: IRenderMimeRegistry, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('tasktree_jupyter');
    const factory = treeRendererFactory(() => hubOf(app.serviceManager.serverSettings), trans);
    rendermime.addFactory(factory, factory.defaultRank);
  }
};
