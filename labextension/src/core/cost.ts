/** What something has cost, as the names of the fields say it. */
import { numberOf } from './series.js';

export type Currency = 'usd' | 'eur' | 'gbp';

export interface Cost {
  cost: number;
  /** Null where the field's name says none. */
  currency: Currency | null;
}

const CURRENCIES: readonly Currency[] = ['usd', 'eur', 'gbp'];
const UNNAMED: readonly string[] = ['cost', 'total_cost'];
/** Those that name a currency tell more. */
const NAMES = new Map<string, Currency | null>([
  ...CURRENCIES.flatMap(currency =>
    [...UNNAMED.map(name => `${name}_${currency}`), currency].map(name => [name, currency] as const)
  ),
  ...UNNAMED.map(name => [name, null] as const)
]);

/** The first that is told; null where none is. */
export function costIn(fields: Record<string, unknown>): Cost | null {
  for (const [name, currency] of NAMES) {
    const cost = Object.hasOwn(fields, name) ? numberOf(fields[name]) : NaN;
    if (Number.isFinite(cost) && cost >= 0) {
      return { cost, currency };
    }
  }
  return null;
}

/** In no currency where they are of two: whoever adds such has a reason. */
export function sumOf(one: Cost | null, other: Cost): Cost {
  if (one === null || one.cost === 0) {
    return { cost: other.cost, currency: other.currency };
  }
  const isOne = other.cost === 0 || one.currency === other.currency;
  return { cost: one.cost + other.cost, currency: isOne ? one.currency : null };
}
