// How many are running or failed, where there is much room and where there is little.
import { render } from '@testing-library/react';
import { expect, test } from 'vitest';
import { Badge, StaleBadge } from '../../src/view/badge.js';
import { shortCount } from '../../src/view/format.js';
import { CountCell } from '../../src/view/tree/row-parts.js';

test('a number is short in four characters at most, and says no more than there are', () => {
  const counts = [
    0, 7, 999, 1000, 1099, 1100, 9999, 10_000, 12_999, 999_999, 1_000_000, 1_290_000, 12_000_000
  ];
  expect(counts.map(shortCount)).toEqual([
    '0',
    '7',
    '999',
    '1k',
    '1k',
    '1.1k',
    '9.9k',
    '10k',
    '12k',
    '999k',
    '1M',
    '1.2M',
    '12M'
  ]);
});

const ROLLUP = {
  leaves: 4012,
  total: 4012,
  done: 3_196_000,
  progress: 796,
  failures: 1234,
  counts: { completed: 1962, failed: 1234, ready: 816 }
};

test.each([
  [<Badge key="failed" status="failed" count={1234} />, '1\u202f234 failed', '1.2k'],
  [<Badge key="running" status="running" count={20_000} />, '20\u202f000 running', '20k'],
  [<StaleBadge key="stale" count={1000} />, '1\u202f000 stale', '1k'],
  [<CountCell key="count" rollup={ROLLUP} />, '3\u202f196/4\u202f012', '79\u202f%']
])('is read out whole, whatever is to be seen of it: %#', (badge, name, short) => {
  const { container } = render(badge);
  expect(container.querySelector('[title]')?.getAttribute('title')).toBe(name);
  const shown = container.querySelector('[aria-hidden="true"].tt-short');
  expect(shown?.textContent).toBe(short);
  shown?.remove();
  expect(container.textContent).toBe(name);
});
