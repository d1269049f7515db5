/** How long a task took, or has taken so far. */
import type { TreeNode, TreeReader } from '../core/reader.js';
import { isEnded } from '../core/status.js';
import { formatElapsed } from './format.js';
import type { Staleness } from './staleness.js';

/** From the first start to the last end at or below; to `now` while something runs, to its last word where that is stale. */
export function elapsed(tree: TreeReader, id: string, now: number | null, stale: Staleness): number | null {
  const { startedAt, endedAt } = tree.span(id);
  if (startedAt === null) {
    return null;
  }
  const runs = isRunning(tree, id);
  const until = isHeard(tree, id, stale) ? now : runs ? stale.lastWord(id) : endedAt;
  return until === null ? null : Math.max(0, until - startedAt);
}

export function isRunning(tree: TreeReader, id: string): boolean {
  const own = tree.node(id)?.status;
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  return (
    own !== undefined && !isEnded(own) && (own === 'running' || own === 'review' || running + review > 0)
  );
}

/** Whether something at or below is running for certain. */
export function isHeard(tree: TreeReader, id: string, stale: Staleness): boolean {
  if (!isRunning(tree, id) || stale.lastWord(id) === null) {
    return isRunning(tree, id);
  }
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  const isOwn = tree.children(id).length > 0 && stale.since(id) === null && isWorking(tree.node(id)?.status);
  return isOwn || running + review > stale.count(id);
}

function isWorking(status: string | undefined): boolean {
  return status === 'running' || status === 'review';
}

export function elapsedText(
  tree: TreeReader,
  id: string,
  node: TreeNode,
  now: number | null,
  ticks: boolean,
  stale: Staleness
): string {
  const time = elapsed(tree, id, now, stale);
  if (time === null) {
    return isEnded(node.status) ? '' : '—';
  }
  return formatElapsed(time, ticks && isHeard(tree, id, stale));
}
