/** What is said of one task, wherever it is named. */
import type { Rollup, TreeNode, TreeReader } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { formatCount, formatPercent } from './format.js';
import { errorText, reasonText } from './reasons.js';
import { endedLeaves, statusName } from './status.js';
import { listed, type Words } from './words.js';

export function isNamed(node: TreeNode): node is TreeNode & { title: string } {
  return node.title !== undefined && node.title !== '';
}

/** A node that nobody named goes by its id. */
export function titleOf(node: TreeNode): string {
  return seenLine(isNamed(node) ? node.title : node.node_id);
}

export function nameOf(tree: TreeReader, id: string): string {
  const node = tree.node(id);
  return node ? titleOf(node) : seenLine(id);
}

/** A transition that isn't on the usual path, in words. */
export function unusualText(words: Words, { from, to }: { from: string; to: string }): string {
  return words.__('unusual: from %1 to %2', statusName(words, from), statusName(words, to));
}

/** What a row says beside the title: the failure, the last word, or what it waits for. */
export function messageOf(words: Words, tree: TreeReader, node: TreeNode): string | null {
  if (node.status === 'failed') {
    return errorText(words, node) ?? (node.message === undefined ? null : seenLine(node.message));
  }
  // The server's word on a process that ended; what the task itself said last is in its details.
  if (node.status === 'cancelled' && node.trigger && node.reason) {
    return reasonText(words, node.reason);
  }
  if (node.message) {
    return seenLine(node.message);
  }
  const waits = node.status === 'draft' || node.status === 'ready';
  if (waits && node.dependencies?.length) {
    const first = node.dependencies.slice(0, 2);
    const titles = listed(
      words,
      first.map(id => nameOf(tree, id))
    );
    const more = node.dependencies.length - first.length;
    return more > 0
      ? words._n('after %3 and %2 more', 'after %3 and %2 more', more, formatCount(more), titles)
      : words.__('after %1', titles);
  }
  return null;
}

/** `3 196/4 012`; `write`: how a number is written. */
export function countText(rollup: Rollup, write = formatCount): string {
  const { skipped = 0 } = rollup.counts;
  return `${write(endedLeaves(rollup.counts))}/${write(Math.max(0, rollup.total - skipped))}`;
}

/** From 0 to 1; null where there is nothing to say. What is completed is all done, whatever it said last. */
export function progressOf({ status, progress }: TreeNode): number | null {
  return status === 'completed' ? 1 : status === 'skipped' ? null : (progress ?? null);
}

export function percentText(node: TreeNode): string {
  const progress = progressOf(node);
  return progress === null ? '' : formatPercent(Math.floor(progress * 1000 + 0.5));
}
