import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';

/** Tells the path of the notebook in front, now and when another one comes, also after it was renamed; null where there is none. */
export function whenInFront(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  listener: (path: string | null) => void
): void {
  const { contents } = app.serviceManager;
  let current: NotebookPanel | null = null;
  const tell = () =>
    listener(current && !current.isDisposed ? contents.localPath(current.context.path) : null);
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
