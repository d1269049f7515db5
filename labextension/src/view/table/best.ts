/** Which value of a metric is the best one. */
import type { Better } from '../better.js';
import type { ColumnName, Facts } from './facts.js';

/** Null where nothing is: no number, all the same, or nobody can say which is better. What failed or was given up isn't the best. */
export function bestOf(rows: readonly Facts[], column: ColumnName, better: Better): number | null {
  if (better === 'none') {
    return null;
  }
  let least = Infinity;
  let most = -Infinity;
  for (const facts of rows) {
    const value = counts(facts) ? facts.value(column) : null;
    if (typeof value === 'number' && Number.isFinite(value)) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  return least < most ? (better === 'lower' ? least : most) : null;
}

export function counts({ node: { status } }: Facts): boolean {
  return status !== 'failed' && status !== 'cancelled' && status !== 'skipped';
}
