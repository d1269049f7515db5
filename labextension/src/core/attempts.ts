/** The attempts of one task, made again from its own events: the fold keeps only the last. */
import type { TreeEvent } from './envelope.js';
import { nodeOf } from './wanted.js';
import type { TreeNode } from './reader.js';
import { parseTime } from './times.js';
import { TaskTree } from './tree.js';

export interface Attempt {
  number: number;
  /** The task as that attempt left it. */
  node: TreeNode;
  startedAt: number | null;
  endedAt: number | null;
}

/**
 * Oldest first. `events`: the newest of those about the task, in the order of the log; `isWhole`: they are all there are. Of a part
 * only what is certain: where it begins, an attempt may have been under way.
 */
export function attemptsOf(node: TreeNode, events: readonly TreeEvent[], isWhole: boolean): Attempt[] {
  const last = node.attempt ?? 1;
  const tree = new TaskTree();
  const left: TreeNode[] = [];
  let now: TreeNode | undefined;
  for (const event of events) {
    if (nodeOf(event) !== node.node_id) {
      continue;
    }
    tree.apply(event);
    const next = tree.node(node.node_id);
    if (now && next && (next.attempt ?? 1) > (now.attempt ?? 1)) {
      left.push(now);
    }
    now = next;
  }
  // Counted from the end: of the beginning nobody knows, unless it is all there.
  const known = isWhole ? left : left.slice(left[0]?.started_at === undefined ? 1 : 0);
  const earlier = known.slice(-(last - 1));
  return [...earlier.map((each, index) => attempt(each, last - earlier.length + index)), attempt(node, last)];
}

function attempt(node: TreeNode, number: number): Attempt {
  return { number, node, startedAt: parseTime(node.started_at), endedAt: parseTime(node.ended_at) };
}
