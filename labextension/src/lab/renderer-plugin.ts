import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';
import { hubOf } from './hub.js';
import { actionsOf } from './node-actions.js';
import { treeRendererFactory } from './renderer.js';
import { wordsOf } from './words.js';

/** Shows trees in outputs, in JupyterLab and in Notebook 7. */
export const rendererPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:renderer',
  description: 'Shows task trees in outputs: the stored one at once, then live.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, rendermime: IRenderMimeRegistry, translator: ITranslator | null) => {
    const trans = wordsOf(translator);
    const factory = treeRendererFactory(() => hubOf(app.serviceManager.serverSettings), {
      trans,
      actionsOf: projectId => actionsOf(app.commands, trans, projectId)
    });
    rendermime.addFactory(factory, factory.defaultRank);
  }
};
