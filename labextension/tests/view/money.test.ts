// What agents have cost: in which currency, and how it is written.
import { describe, expect, test } from 'vitest';
import { costIn, sumOf } from '../../src/core/cost.js';
import { formatCost } from '../../src/view/money.js';

describe('a cost', () => {
  test.each([
    [{ cost_usd: 0.02 }, '$0.02'],
    [{ usd: 0.5 }, '$0.50'],
    [{ total_cost_eur: 0.00341 }, '€0.00341'],
    [{ cost_gbp: 1204.5 }, '£1\u202f204.50'],
    [{ cost_usd: 0.999 }, '$1.00'],
    [{ cost_usd: 1.2e-7 }, '$1.2e-7'],
    [{ cost: 0.02 }, '0.02'],
    [{ cost: 7, cost_usd: 8 }, '$8.00'],
    [{ cost_usd: 'NaN', total_cost: 3 }, '3']
  ])('is in the currency that its name says: %j', (fields, written) => {
    expect(formatCost(costIn(fields)!)).toBe(written);
  });

  test('that nobody told is none', () => {
    expect(costIn({ cost_usd: -1, costs: 3 })).toBeNull();
  });

  test('of several has their currency, and none where they have two', () => {
    const usd = { cost: 1, currency: 'usd' } as const;
    const eur = { cost: 2, currency: 'eur' } as const;
    expect(sumOf(usd, { ...usd, cost: 3 })).toEqual({ cost: 4, currency: 'usd' });
    expect(sumOf({ cost: 0, currency: null }, eur)).toEqual(eur);
    expect(sumOf(eur, { cost: 0, currency: null })).toEqual(eur);
    expect(sumOf(usd, eur)).toEqual({ cost: 3, currency: null });
  });
});
