// How the numbers of a table's column are written.
import { describe, expect, test } from 'vitest';
import { needed } from '../../src/view/table/columns.js';
import { NumberColumn, numberText } from '../../src/view/table/numbers.js';

function column(...values: number[]) {
  const numbers = new NumberColumn();
  values.forEach(value => numbers.add(value));
  const { decimals, length } = numbers.shape;
  return { length, texts: values.map(value => numberText(value, decimals)) };
}

describe('the numbers of a column', () => {
  test.each([
    [
      [1.21, 0.6, 2],
      ['1.21', '0.60', '2.00']
    ],
    [
      [3, 12, -4],
      ['3', '12', '−4']
    ],
    [
      [0.93678, 0.9, 12.5],
      ['0.9368', '0.9000', '12.5000']
    ],
    [
      [15234.25, 3],
      ['15234', '3']
    ],
    [
      [0.1, 0.01, 0.00001],
      ['0.10000', '0.01000', '0.00001']
    ],
    [
      [0.5, 1.234e-9, 1e-7],
      ['0.5', '1.234e-9', '1e-7']
    ],
    [
      [1e-9, 2e-12],
      ['1e-9', '2e-12']
    ],
    [
      [0.00012345, 100.5],
      ['0.000123', '100.500000']
    ],
    [
      [NaN, Infinity, -Infinity, 0.25, 0],
      ['NaN', '∞', '−∞', '0.25', '0.00']
    ],
    [
      [1e300, 2 ** 53],
      ['1e+300', '9007199254740992']
    ],
    [
      [-1e-9, -0.5],
      ['−1e-9', '−0.5']
    ]
  ])('have as many decimals as the one that needs most: %j', (values, texts) => {
    expect(column(...values).texts).toEqual(texts);
  });

  test('never have a digit, but zeros at the end, that the number hasn’t', () => {
    for (const value of [0.93678, 1 / 3, 2.5, 1e-4, 123.456789, 9999.96, 0.1 + 0.2]) {
      const text = column(value, 0.000125).texts[0] ?? '';
      const decimals = text.split('.')[1]?.length ?? 0;
      expect(text).toBe(value.toFixed(decimals));
    }
  });

  test('are as long as the longest of them, wherever it stands', () => {
    expect(column(0.5, -1234.5, 3.25).length).toBe('−1234.50'.length);
    expect(column(0.5, -1.234e-10).length).toBe('−1.234e-10'.length);
    expect(column(1, 2).length).toBe(1);
  });

  test('have room, the best one’s star too, however long they are', () => {
    const width = (length: number, name: string) =>
      needed({ name, length, isNumeric: true, filled: 1, decimals: 0 }, 'x');
    expect(width(6, 'metrics.x') - width(6, 'params.x')).toBeGreaterThan(12);
    expect(width(60, 'params.x')).toBeGreaterThan(60 * 7.7);
  });
});
