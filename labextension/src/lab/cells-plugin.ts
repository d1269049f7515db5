import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Hub } from '../core/follow.js';
import type { TreeReader } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { CellTasks } from './cell-tasks.js';
import { argumentsOf, CommandIDs, NO_ARGUMENTS, PANEL_ID } from './commands.js';
import { goToCell } from './go-to-cell.js';
import { hubOf } from './hub.js';
import { treeIcon } from './icon.js';
import { originOf } from './origin.js';
import { placeOf } from './place.js';
import { whenInFront } from './notebook-in-front.js';
import { SEEN_FOR_A_WHILE } from './toast.js';
import { wordsOf, type Words } from './words.js';

/** From a task to the cell that started it and back, and what can be copied of a task. */
export const cellsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:cells',
  description: 'Goes from a task to the cell that started it, and from a cell to its task.',
  autoStart: true,
  optional: [INotebookTracker, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = wordsOf(translator);
    const hub = hubOf(app.serviceManager.serverSettings);
    const { commands } = app;
    addCopying(app, hub, trans);
    if (!notebooks) {
      return;
    }
    const tasks = new CellTasks(hub);
    whenInFront(app, notebooks, path => {
      tasks.notebookPath = path;
    });
    const activeTask = () => {
      const cell = notebooks.activeCell;
      return cell ? tasks.of(cell.model.id) : null;
    };
    notebooks.activeCellChanged.connect(() => commands.notifyCommandChanged(CommandIDs.showTaskOfCell));

    commands.addCommand(CommandIDs.showTaskOfCell, {
      label: trans.__('Show the Task of This Cell'),
      caption: trans.__('Show in the panel what the active cell started last'),
      icon: treeIcon,
      describedBy: { args: NO_ARGUMENTS },
      isEnabled: () => activeTask() !== null,
      isVisible: () => activeTask() !== null,
      execute: () => {
        const task = activeTask();
        if (task) {
          const { projectId, missionId, nodeId } = task;
          const args = { project_id: projectId, mission_id: missionId, node_id: nodeId };
          return commands.execute(CommandIDs.openPanel, args);
        }
        return undefined;
      }
    });

    const target = (args: ReadonlyPartialJSONObject) => targetOf(args, app, hub);
    const schema = argumentsOf(trans, 'project_id', 'node_id', 'pointed');
    commands.addCommand(CommandIDs.goToCell, {
      label: trans.__('Go to the Cell of This Task'),
      caption: trans.__('Show the cell that started this task'),
      describedBy: {
        args: {
          ...schema,
          properties: {
            ...(schema.properties as object),
            path: {
              type: 'string',
              description: trans.__('Path of the notebook, where no project tells it')
            },
            cell_id: { type: 'string', description: trans.__('Id of the cell, where no task tells it') }
          }
        }
      },
      isEnabled: args => target(args) !== null,
      isVisible: args => target(args) !== null,
      execute: async args => {
        const found = target(args);
        if (!found) {
          return;
        }
        const { path, cellId, title } = found;
        const arrival = await goToCell(app, notebooks, path, cellId);
        if (arrival === 'no-cell') {
          Notification.warning(
            trans.__('The cell that started “%1” is no longer in %2.', title, path),
            SEEN_FOR_A_WHILE
          );
        } else if (arrival === 'no-notebook') {
          Notification.warning(
            trans.__('%2, in which “%1” was started, isn’t there any more.', title, path),
            SEEN_FOR_A_WHILE
          );
        }
      }
    });
    const category = trans.__('Task Trees');
    palette?.addItem({ command: CommandIDs.showTaskOfCell, category });
    palette?.addItem({ command: CommandIDs.goToCell, category });
  }
};

/** What a task's project has of it now, without following it any longer. */
function look<T>(hub: Hub, projectId: string, read: (tree: TreeReader | null, path: string | null) => T): T {
  const follow = hub.follow(projectId);
  try {
    return read(follow.tree, follow.info?.path ?? null);
  } finally {
    follow.close();
  }
}

function targetOf(args: ReadonlyPartialJSONObject, app: JupyterFrontEnd, hub: Hub) {
  const place = placeOf(args, app, PANEL_ID);
  const nodeId = place?.nodeId ?? null;
  if (!place || nodeId === null) {
    return null;
  }
  return look(hub, place.projectId, (tree, projectPath) => {
    const origin = tree && originOf(tree, nodeId);
    const cellId = origin?.cellId ?? args.cell_id;
    // The server follows renames; what the kernel knew of its path may be old.
    const path = projectPath ?? origin?.notebook ?? args.path;
    const title = seenLine(tree?.node(nodeId)?.title ?? nodeId);
    return typeof cellId === 'string' && typeof path === 'string' ? { cellId, path, title } : null;
  });
}

function addCopying(app: JupyterFrontEnd, hub: Hub, trans: Words): void {
  const { commands } = app;
  const args = argumentsOf(trans, 'project_id', 'node_id', 'pointed');
  const nodeOf = (given: ReadonlyPartialJSONObject) => placeOf(given, app, PANEL_ID)?.nodeId ?? null;
  commands.addCommand(CommandIDs.copyNodeId, {
    label: trans.__('Copy the Task’s Id'),
    describedBy: { args },
    isEnabled: given => nodeOf(given) !== null,
    execute: given => Clipboard.copyToSystem(nodeOf(given) ?? '')
  });
  const tracebackOf = (given: ReadonlyPartialJSONObject) => {
    const place = placeOf(given, app, PANEL_ID);
    const nodeId = place?.nodeId ?? null;
    return place && nodeId !== null
      ? look(hub, place.projectId, tree => tree?.node(nodeId)?.error?.traceback ?? null)
      : null;
  };
  commands.addCommand(CommandIDs.copyTraceback, {
    label: trans.__('Copy the Traceback'),
    describedBy: { args },
    isEnabled: given => tracebackOf(given) !== null,
    isVisible: given => tracebackOf(given) !== null,
    execute: given => Clipboard.copyToSystem(tracebackOf(given) ?? '')
  });
}
