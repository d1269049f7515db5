/** From a task to the cell that started it, and back. */
import type { TreeReader } from '../core/reader.js';

export interface Origin {
  cellId: string;
  /** Path of the notebook as the kernel knew it; it may have been renamed since. */
  notebook: string | null;
  executionCount: number | null;
}

/** A task tells only where it differs from the one above it. Null where no cell is known. */
export function originOf(tree: TreeReader, nodeId: string): Origin | null {
  let source: Record<string, unknown> = {};
  for (let node = tree.node(nodeId); node; node = tree.node(node.parent_id ?? '')) {
    source = { ...node.source, ...source };
  }
  const { cell_id: cellId, notebook, execution_count: count } = source;
  if (typeof cellId !== 'string') {
    return null;
  }
  return {
    cellId,
    notebook: typeof notebook === 'string' ? notebook : null,
    executionCount: typeof count === 'number' ? count : null
  };
}

/** The newest run that a cell started, else the newest task that it added to the run of another. */
export function taskOfCell(tree: TreeReader, cellId: string): { missionId: string; nodeId: string } | null {
  const isOfCell = (id: string) => tree.node(id)?.source?.cell_id === cellId;
  const newestFirst = [...tree.roots].reverse();
  const run = newestFirst.find(isOfCell);
  if (run !== undefined) {
    return { missionId: run, nodeId: run };
  }
  for (const missionId of newestFirst) {
    const stack = [...tree.children(missionId)];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (isOfCell(id)) {
        return { missionId, nodeId: id };
      }
      stack.push(...tree.children(id));
    }
  }
  return null;
}
