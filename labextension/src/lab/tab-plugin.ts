import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { argumentsOf, CommandIDs, PANEL_ID } from './commands.js';
import { hubOf } from './hub.js';
import { treeIcon } from './icon.js';
import { actionsOf } from './node-actions.js';
import { placeOf } from './place.js';
import { TabModel } from './tab-model.js';
import { TreeTab } from './tab.js';
import { ITreeTabs, type TreeTabs } from './tabs.js';
import { wordsOf } from './words.js';

/** Trees as tabs of the main area. Notebook 7 has room for one document only, so it has none of these. */
export const tabPlugin: JupyterFrontEndPlugin<TreeTabs | null> = {
  id: 'tasktree-jupyter:tab',
  description: 'Opens a project or a run as a tab of the main area.',
  autoStart: true,
  provides: ITreeTabs,
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    if (!labShell) {
      return null;
    }
    const trans = wordsOf(translator);
    const { commands } = app;
    const hub = hubOf(app.serviceManager.serverSettings);
    const tracker = new WidgetTracker<TreeTab>({ namespace: 'tasktree' });
    let count = 0;

    const make = (projectId: string, missionId: string | null): TreeTab => {
      const model = new TabModel(hub, trans, projectId, missionId);
      const actions = actionsOf(commands, trans, projectId);
      const tab = new TreeTab(model, actions, trans, translator ?? undefined);
      count += 1;
      tab.id = `tasktree-tab-${count}`;
      let kept = missionId;
      model.subscribe(() => {
        if (model.missionId !== kept) {
          kept = model.missionId;
          void tracker.save(tab);
        }
      });
      void tracker.add(tab);
      return tab;
    };
    const of = (projectId: string, missionId: string | null): TreeTab =>
      tracker.find(
        ({ content: { model } }) => model.projectId === projectId && model.missionId === missionId
      ) ?? make(projectId, missionId);

    commands.addCommand(CommandIDs.openTab, {
      label: trans.__('Open Task Tree in a Tab'),
      caption: trans.__('Open a project, or one of its runs, as a tab of the main area'),
      icon: treeIcon,
      describedBy: { args: argumentsOf(trans, 'project_id', 'mission_id', 'node_id', 'pointed') },
      isEnabled: args => placeOf(args, app, PANEL_ID) !== null,
      execute: args => {
        const place = placeOf(args, app, PANEL_ID);
        if (!place) {
          return null;
        }
        const { projectId, missionId, nodeId } = place;
        const tab = of(projectId, missionId);
        if (!tab.isAttached) {
          labShell.add(tab, 'main', { type: 'tasktree' });
        }
        labShell.activateById(tab.id);
        if (nodeId !== null) {
          tab.content.model.show(missionId, nodeId);
        }
        return tab;
      }
    });
    palette?.addItem({ command: CommandIDs.openTab, category: trans.__('Task Trees') });

    if (restorer) {
      const argsOf = ({ content: { model } }: TreeTab) =>
        model.missionId === null
          ? { project_id: model.projectId }
          : { project_id: model.projectId, mission_id: model.missionId };
      void restorer.restore(tracker, {
        command: CommandIDs.openTab,
        args: argsOf,
        name: tab => Object.values(argsOf(tab)).map(encodeURIComponent).join(':')
      });
    }
    return { of };
  }
};
