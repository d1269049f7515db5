import type { Rollup, Status, StatusCounts } from '../core/reader.js';

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

/** The words people read; also the accessible names of the icons. */
export const STATUS_NAMES: Record<Status, string> = {
  draft: 'draft',
  ready: 'ready',
  running: 'running',
  review: 'in review',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'skipped'
};

/** Leaves that have ended and count: a skipped one left the denominator. */
export function endedLeaves(counts: StatusCounts): number {
  return (counts.completed ?? 0) + (counts.failed ?? 0) + (counts.cancelled ?? 0);
}

/** A group's failures for its badge: its own icon already tells of a failure that is nobody's below. */
export function failuresBelow(own: Status, rollup: Rollup): number {
  const isOwn = own === 'failed' && rollup.failures === 1 && !rollup.counts.failed;
  return isOwn ? 0 : rollup.failures;
}
