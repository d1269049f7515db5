import type { CommandRegistry } from '@lumino/commands';
import type { NodeAction, NodeActions } from '../view/index.js';
import { CommandIDs } from './commands.js';
import { originOf } from './origin.js';
import type { Words } from './words.js';

/** What JupyterLab can do about a task of that project. */
export function actionsOf(commands: CommandRegistry, trans: Words, projectId: string | null): NodeActions {
  return (tree, id) => {
    const all: NodeAction[] = [];
    const origin = originOf(tree, id);
    if (origin && commands.hasCommand(CommandIDs.goToCell)) {
      const { cellId, notebook, executionCount } = origin;
      const args = {
        ...(projectId === null ? {} : { project_id: projectId }),
        ...(notebook === null ? {} : { path: notebook }),
        node_id: id,
        cell_id: cellId
      };
      all.push({
        label:
          executionCount === null ? trans.__('Go to the cell') : trans.__('Go to cell [%1]', executionCount),
        title: trans.__('Show the cell that started this task'),
        run: () => void commands.execute(CommandIDs.goToCell, args)
      });
    }
    return all;
  };
}
