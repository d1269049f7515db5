import type { TreeNode, TreeReader } from '../../core/reader.js';
import { parseTime } from '../../core/times.js';
import { elapsed, isHeard, isRunning } from '../elapsed.js';
import { formatClock, formatCount, formatElapsed, formatPercent } from '../format.js';
import { reasonText } from '../reasons.js';
import type { Staleness } from '../staleness.js';
import { statusName } from '../status.js';
import { listed, type Words } from '../words.js';

/** Fields that have a place of their own; any other is listed as it is. */
const PLACED: ReadonlySet<string> = new Set([
  'node_id',
  'parent_id',
  'title',
  'kind',
  'status',
  'progress',
  'expected',
  'message',
  'agent',
  'attempt',
  'dependencies',
  'params',
  'metrics',
  'inputs',
  'outputs',
  'error',
  'queued_at',
  'created_at',
  'started_at',
  'ended_at',
  'trigger',
  'reason',
  'source',
  'tags',
  'links',
  'unusual',
  'log',
  'placeholder',
  'rollup'
]);

export function otherFields(node: TreeNode): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node).filter(([key, value]) => !PLACED.has(key) && value !== undefined)
  );
}

export function when(timestamp: string | undefined, today: number): string {
  const time = parseTime(timestamp);
  return time === null ? '' : formatClock(time, today * 1000, true);
}

/** `failed after 9.8 s · attempt 2`; who works on it is said beside. */
export function summary(
  words: Words,
  tree: TreeReader,
  node: TreeNode,
  now: number | null,
  ticks: boolean,
  stale: Staleness
): string {
  const time = elapsed(tree, node.node_id, now, stale);
  const running = isRunning(tree, node.node_id);
  const word = node.placeholder ? words.__('nothing heard of it yet') : statusName(words, node.status);
  const parts = [word];
  if (time !== null) {
    const long = formatElapsed(time, ticks && isHeard(tree, node.node_id, stale));
    parts[0] = running ? words.__('%1 for %2', word, long) : words.__('%1 after %2', word, long);
  }
  if (typeof node.progress === 'number' && node.status !== 'completed') {
    parts.push(formatPercent(Math.floor(node.progress * 1000 + 0.5)));
  }
  if ((node.attempt ?? 1) > 1) {
    parts.push(words.__('attempt %1', formatCount(node.attempt ?? 1)));
  }
  return parts.join(' · ');
}

export function facts(words: Words, node: TreeNode): Record<string, unknown> {
  const all: Record<string, unknown> = {
    [words.__('id')]: node.node_id,
    [words.__('kind')]: node.kind,
    [words.__('trigger')]: node.trigger,
    [words.__('reason')]: node.reason === undefined ? undefined : reasonText(words, node.reason),
    [words.__('tags')]: listed(words, node.tags ?? []),
    [words.__('expected')]: node.expected === undefined ? undefined : formatCount(node.expected)
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''));
}
