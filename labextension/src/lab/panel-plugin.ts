import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { hubOf } from './hub.js';
import { treeIcon } from './icon.js';
import { PanelModel } from './panel-model.js';
import { TreePanel } from './panel.js';

export const PANEL_ID = 'tasktree-panel';

export const CommandIDs = {
  openPanel: 'tasktree:open-panel',
  followNotebook: 'tasktree:follow-notebook',
  retry: 'tasktree:retry-connection'
};

const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false } as const;

/** The side panel: projects, their runs, and the tree of one. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:panel',
  description: 'A side panel with all projects, their runs and trees.',
  autoStart: true,
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, INotebookTracker, ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    notebooks: INotebookTracker | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('tasktree_jupyter');
    const hub = hubOf(app.serviceManager.serverSettings);
    const model = new PanelModel(hub);
    const panel = new TreePanel(model, trans);
    panel.id = PANEL_ID;
    panel.title.icon = treeIcon;
    panel.title.caption = trans.__('Task trees');
    panel.node.setAttribute('role', 'region');
    panel.node.setAttribute('aria-label', trans.__('Task trees'));

    // After the file browser and the running kernels, before the extensions.
    app.shell.add(panel, 'left', { rank: 350, type: trans.__('Task trees') });
    restorer?.add(panel, PANEL_ID);

    if (notebooks) {
      followNotebooks(app, notebooks, model);
    }
    if (settings) {
      void followSettings(settings, model);
    }

    const { commands } = app;
    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show Task Trees'),
      caption: trans.__('Show the projects of this server, their runs and their trees'),
      icon: labShell ? undefined : treeIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            project_id: { type: 'string', description: trans.__('The project to show') },
            mission_id: { type: 'string', description: trans.__('The run of that project to show') }
          }
        }
      },
      execute: args => {
        if (typeof args.project_id === 'string') {
          model.chooseProject(args.project_id);
          if (typeof args.mission_id === 'string') {
            model.chooseMission(args.mission_id);
          }
        }
        app.shell.activateById(PANEL_ID);
      }
    });
    commands.addCommand(CommandIDs.followNotebook, {
      label: trans.__('Task Trees: Follow the Active Notebook'),
      describedBy: { args: NO_ARGUMENTS },
      execute: () => model.followNotebook()
    });
    commands.addCommand(CommandIDs.retry, {
      label: trans.__('Task Trees: Retry the Connection Now'),
      describedBy: { args: NO_ARGUMENTS },
      execute: () => hub.retryNow()
    });
    const category = trans.__('Task Trees');
    Object.values(CommandIDs).forEach(command => palette?.addItem({ command, category }));
  }
};

async function followSettings(registry: ISettingRegistry, model: PanelModel): Promise<void> {
  let settings: ISettingRegistry.ISettings;
  try {
    settings = await registry.load(panelPlugin.id);
  } catch (error) {
    console.error('TaskTree: the settings can’t be read, the defaults count', error);
    return;
  }
  const apply = () => {
    model.followsNotebook = settings.composite.followNotebook !== false;
    const attempts = settings.composite.maxReconnectAttempts;
    model.hub.maxAttempts = typeof attempts === 'number' ? attempts : Infinity;
  };
  settings.changed.connect(apply);
  apply();
}

/** Tells the model which notebook is in front, also after it was renamed. */
function followNotebooks(app: JupyterFrontEnd, notebooks: INotebookTracker, model: PanelModel): void {
  const { contents } = app.serviceManager;
  let current: NotebookPanel | null = null;
  const tell = () => {
    model.notebookPath = current && !current.isDisposed ? contents.localPath(current.context.path) : null;
  };
  const change = () => {
    if (current && !current.isDisposed) {
      current.context.pathChanged.disconnect(tell);
    }
    current = notebooks.currentWidget;
    current?.context.pathChanged.connect(tell);
    tell();
  };
  notebooks.currentChanged.connect(change);
  change();
}
