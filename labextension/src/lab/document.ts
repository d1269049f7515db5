/** The document that a widget is in, as far as writing into it goes. */
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Widget } from '@lumino/widgets';
import { isElected } from './write-back.js';

type Context = DocumentRegistry.IContext<DocumentRegistry.IModel>;

/** Null for an output that isn't in a document: a log console, a view of an output elsewhere. */
export function documentOf(widget: Widget): Context | null {
  for (let above = widget.parent; above; above = above.parent) {
    const { context } = above as Widget & { context?: Partial<Context> };
    if (context?.saveState && context.model) {
      return context as Context;
    }
  }
  return null;
}

/** Never in a document that can't be saved from here, and only by one of several clients. */
export function mayWrite(context: Context): boolean {
  if (context.isDisposed || !context.isReady || context.model.readOnly) {
    return false;
  }
  // False where the server says that the file may not be written.
  if (context.contentsModel?.writable === false) {
    return false;
  }
  const shared = context.model.sharedModel as { awareness?: Parameters<typeof isElected>[0] } | undefined;
  return isElected(shared?.awareness);
}
