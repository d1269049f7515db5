import type { Rollup, Status, StatusCounts } from '../core/reader.js';
import { translatable } from '../core/translatable.js';
import type { Words } from './words.js';

/** What wants attention comes first. */
export const STATUS_ORDER: readonly Status[] = [
  'failed',
  'running',
  'review',
  'completed',
  'ready',
  'draft',
  'cancelled',
  'skipped'
];

const NAMES: Record<Status, string> = {
  draft: translatable('draft'),
  ready: translatable('ready'),
  running: translatable('running'),
  review: translatable('in review'),
  completed: translatable('completed'),
  failed: translatable('failed'),
  cancelled: translatable('cancelled'),
  skipped: translatable('skipped')
};

/** The words people read; also the accessible names of the icons. What is no status we know stays as it came. */
export function statusName(words: Words, status: string): string {
  return Object.hasOwn(NAMES, status) ? words.__(NAMES[status as Status]) : status;
}

type Counting = (words: Words, n: number, written: string) => string;

const COUNTED: Record<Status, Counting> = {
  draft: (words, n, written) => words._n('%2 draft', '%2 draft', n, written),
  ready: (words, n, written) => words._n('%2 ready', '%2 ready', n, written),
  running: (words, n, written) => words._n('%2 running', '%2 running', n, written),
  review: (words, n, written) => words._n('%2 in review', '%2 in review', n, written),
  completed: (words, n, written) => words._n('%2 completed', '%2 completed', n, written),
  failed: (words, n, written) => words._n('%2 failed', '%2 failed', n, written),
  cancelled: (words, n, written) => words._n('%2 cancelled', '%2 cancelled', n, written),
  skipped: (words, n, written) => words._n('%2 skipped', '%2 skipped', n, written)
};

/** `6 480 completed`; `n` written as one likes. */
export function statusCount(words: Words, status: Status, n: number, written: string): string {
  return COUNTED[status](words, n, written);
}

/** `3 stale`: of those that are said to run, how many nobody hears of. */
export function staleCount(words: Words, n: number, written: string): string {
  return words._n('%2 stale', '%2 stale', n, written);
}

/** Leaves that have ended and count: a skipped one left the denominator. */
export function endedLeaves(counts: StatusCounts): number {
  return (counts.completed ?? 0) + (counts.failed ?? 0) + (counts.cancelled ?? 0);
}

/** A group's failures for its badge: its own icon already tells of a failure that is nobody's below. */
export function failuresBelow(own: Status, rollup: Rollup): number {
  const isOwn = own === 'failed' && rollup.failures === 1 && !rollup.counts.failed;
  return isOwn ? 0 : rollup.failures;
}
