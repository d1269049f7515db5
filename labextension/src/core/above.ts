/** What stands above a task. */
import type { TreeReader } from './reader.js';

export function rootOf(tree: TreeReader, id: string): string {
  let root = id;
  for (let above = tree.node(id)?.parent_id; above !== undefined; above = tree.node(above)?.parent_id) {
    root = above;
  }
  return root;
}

export function depthOf(tree: TreeReader, id: string): number {
  let depth = 0;
  for (let above = tree.node(id)?.parent_id; above !== undefined; above = tree.node(above)?.parent_id) {
    depth++;
  }
  return depth;
}
