import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ServerConnection } from '@jupyterlab/services';

/** `no-notebook`: its file isn't there any more. `no-cell`: the notebook is, the cell isn't. `elsewhere`: it opens in a page of its own. */
export type Arrival = 'there' | 'no-notebook' | 'no-cell' | 'elsewhere';

/** Milliseconds, as in style/lab.css; by the clock, since who wants no motion has no animation that ends. */
const MARKED_FOR = 1600;

/** Opens a notebook, if it isn't yet, and makes a cell of it the active one, in sight. */
export async function goToCell(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  path: string,
  cellId: string
): Promise<Arrival> {
  const { contents } = app.serviceManager;
  const isOpen = (each: NotebookPanel) => contents.localPath(each.context.path) === path;
  let panel = notebooks.find(isOpen);
  if (!panel) {
    if (!(await isThere(app, path))) {
      return 'no-notebook';
    }
    await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
    panel = notebooks.find(isOpen);
  }
  if (!panel) {
    return 'elsewhere';
  }
  app.shell.activateById(panel.id);
  await panel.context.ready;
  await panel.revealed;
  const { content } = panel;
  const index = content.widgets.findIndex(cell => cell.model.id === cellId);
  const cell = content.widgets[index];
  if (!cell) {
    return 'no-cell';
  }
  content.deselectAll();
  content.activeCellIndex = index;
  content.mode = 'command';
  const before = document.activeElement;
  // Refused where the notebook scrolls to the active cell by itself meanwhile.
  await content.scrollToItem(index, 'center').catch(() => undefined);
  // Somebody who has gone on meanwhile isn't called back.
  if (document.activeElement === before || content.node.contains(document.activeElement)) {
    content.activate();
  }
  cell.addClass('jp-TaskTreeFound');
  setTimeout(() => cell.removeClass('jp-TaskTreeFound'), MARKED_FOR);
  return 'there';
}

async function isThere(app: JupyterFrontEnd, path: string): Promise<boolean> {
  try {
    await app.serviceManager.contents.get(path, { content: false });
    return true;
  } catch (error) {
    if (error instanceof ServerConnection.ResponseError && error.response.status === 404) {
      return false;
    }
    throw error;
  }
}
