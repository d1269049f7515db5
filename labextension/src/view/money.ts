/** How costs are written. */
import type { Cost, Currency } from '../core/cost.js';
import { formatCount } from './format.js';
import { shortNumber } from './number.js';

const SIGNS: Record<Currency, string> = { usd: '$', eur: '€', gbp: '£' };

/** `$0.02`, `$1 204.50`, `€0.0034`; a number like others where no currency is told. */
export function formatCost({ cost, currency }: Cost): string {
  return currency === null ? shortNumber(cost) : `${SIGNS[currency]}${amount(cost)}`;
}

function amount(cost: number): string {
  if (cost >= 0.995) {
    const cents = Math.round(cost * 100);
    return `${formatCount(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
  }
  const text = shortNumber(cost);
  return /^0(\.\d)?$/.test(text) ? cost.toFixed(2) : text;
}
