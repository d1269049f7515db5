/** Which value of a metric is the best one. */
import { betterOf } from '../tree/better.js';
import type { ColumnName, Facts } from './facts.js';

export type Better = 'higher' | 'lower' | 'none';

// What measures no quality of a model, but a price that is paid for it.
const PRICE =
  /(^|[^a-z])(time|times|duration|elapsed|seconds|secs|sec|ms|s|mem|memory|bytes|price|errors|losses|distance|divergence|brier|ece|eer|bce|misses|fpr|fnr)([^a-z]|$)/;
const NO_QUALITY =
  /(^|[^a-z])(epochs?|steps?|iter|iters|iterations?|fold|seed|batch|size|count|num|n|lr|rate|samples|rows|tokens|rank)([^a-z]|$)/;

/** Guessed by the name; `neg_mean_squared_error` says the reverse of what it measures. */
export function guess(column: ColumnName): Better {
  const name = column
    .replace(/^metrics\./, '')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
  if (/(^|[._\s-])neg(ative)?[._\s-]/.test(name)) {
    return 'higher';
  }
  const known = betterOf(name);
  if (known) {
    return known;
  }
  if (PRICE.test(name)) {
    return 'lower';
  }
  return NO_QUALITY.test(name) ? 'none' : 'higher';
}

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
