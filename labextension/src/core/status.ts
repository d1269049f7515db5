/** The words for a task's state, and which way between two of them is usual. */
import type { Status } from './reader.js';

/** In the order of the usual path; also the order of counts in a view. */
export const STATUSES: readonly Status[] = [
  'draft',
  'ready',
  'running',
  'review',
  'completed',
  'failed',
  'cancelled',
  'skipped'
];

const WORDS = new Map<unknown, Status>([
  ...STATUSES.map(status => [status, status] as const),
  // Older words, which the fold maps; an event keeps the word it was sent with.
  ['unclaimed', 'draft'],
  ['up_next', 'ready'],
  ['in_progress', 'running'],
  ['merged', 'completed']
]);

/** Every word an event may carry. */
export const STATUS_WORDS: readonly string[] = [...WORDS.keys()] as string[];

const PATH: readonly Status[] = ['draft', 'ready', 'running', 'review', 'completed'];
const ENDED: ReadonlySet<Status> = new Set<Status>(['completed', 'failed', 'cancelled', 'skipped']);

/** Undefined where the word is none. */
export function parseStatus(word: unknown): Status | undefined {
  return WORDS.get(word);
}

export function isEnded(status: Status): boolean {
  return ENDED.has(status);
}

/** `from` and `to` differ. See docs/fold.md, Status. */
export function isUsual(from: Status, to: Status): boolean {
  const start = PATH.indexOf(from);
  const end = PATH.indexOf(to);
  if (start >= 0 && end >= 0) {
    return end > start || (from === 'review' && (to === 'running' || to === 'ready'));
  }
  if (start >= 0) {
    return from !== 'completed';
  }
  return to === 'ready' || to === 'running';
}
