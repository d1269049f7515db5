import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { argumentsOf, CommandIDs, NO_ARGUMENTS, PANEL_ID } from './commands.js';
import { dragWhenMoved } from './drag.js';
import { hubOf } from './hub.js';
import { treeIcon } from './icon.js';
import { actionsOf } from './node-actions.js';
import { whenInFront } from './notebook-in-front.js';
import { PanelModel } from './panel-model.js';
import { TreePanel, type PanelHost } from './panel.js';
import { IPreferences, Preferences } from './preferences.js';
import { ITreeTabs, type TreeTabs } from './tabs.js';
import { wordsOf, type Words } from './words.js';

/** The side panel: projects, their runs, and the tree of one. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:panel',
  description: 'A side panel with all projects, their runs and trees.',
  autoStart: true,
  optional: [ILayoutRestorer, ICommandPalette, INotebookTracker, IPreferences, ITreeTabs, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null,
    given: Preferences | null,
    tabs: TreeTabs | null,
    translator: ITranslator | null
  ) => {
    const trans = wordsOf(translator);
    const preferences = given ?? new Preferences();
    const { commands, shell } = app;
    const model = new PanelModel(hubOf(app.serviceManager.serverSettings));
    const panel = new TreePanel(model, hostOf(commands, trans, tabs, preferences), trans);
    panel.id = PANEL_ID;
    panel.title.icon = treeIcon;
    panel.title.caption = trans.__('Task trees');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Task trees'));

    // After the file browser and the running kernels, before the extensions.
    shell.add(panel, 'left', { rank: 350, type: 'tasktree' });
    restorer?.add(panel, PANEL_ID);

    const follow = () => {
      // Draws again, too, what is muted.
      model.followsNotebook = preferences.values.followNotebook;
    };
    preferences.changed.connect(follow);
    follow();
    if (notebooks) {
      whenInFront(app, notebooks, path => {
        model.notebookPath = path;
      });
    }

    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show Task Trees'),
      caption: trans.__('Show the projects of this server, their runs and their trees'),
      icon: treeIcon,
      describedBy: { args: argumentsOf(trans, 'project_id', 'mission_id', 'node_id') },
      execute: args => {
        const text = (name: string) => (typeof args[name] === 'string' ? args[name] : null);
        const projectId = text('project_id');
        if (projectId !== null) {
          model.show(projectId, text('mission_id'), text('node_id'));
        }
        shell.activateById(PANEL_ID);
      }
    });
    commands.addCommand(CommandIDs.followNotebook, {
      label: trans.__('Follow the Active Notebook in Task Trees'),
      caption: trans.__('Show the project of the notebook in front, not the one that was chosen'),
      describedBy: { args: NO_ARGUMENTS },
      isEnabled: () => notebooks !== null,
      execute: () => model.followNotebook()
    });
    commands.addCommand(CommandIDs.retry, {
      label: trans.__('Retry the Connection of Task Trees Now'),
      caption: trans.__('Try to reach the server at once, also after giving up'),
      describedBy: { args: NO_ARGUMENTS },
      execute: () => model.hub.retryNow()
    });
    const category = trans.__('Task Trees');
    for (const command of [CommandIDs.openPanel, CommandIDs.followNotebook, CommandIDs.retry]) {
      palette?.addItem({ command, category });
    }
  }
};

function hostOf(
  commands: CommandRegistry,
  trans: Words,
  tabs: TreeTabs | null,
  preferences: Preferences
): PanelHost {
  return {
    actionsOf: projectId => actionsOf(commands, trans, projectId),
    isMuted: projectId => preferences.isMuted(projectId),
    tabs: tabs && {
      open: (projectId, missionId) => {
        const run = missionId === null ? {} : { mission_id: missionId };
        void commands.execute(CommandIDs.openTab, { project_id: projectId, ...run });
      },
      drag: (projectId, missionId, event) => {
        dragWhenMoved(event, event.currentTarget, () => tabs.of(projectId, missionId));
      }
    }
  };
}
