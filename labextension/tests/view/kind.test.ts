// What makes siblings alike, and what is told of them together.
import { describe, expect, test } from 'vitest';
import { betterOf } from '../../src/view/better.js';
import { Durations } from '../../src/view/tree/durations.js';
import { leftText, valueText } from '../../src/view/tree/figures.js';
import { kindOf } from '../../src/core/kind.js';
import { Pace } from '../../src/view/tree/pace.js';
import { says } from '../../src/view/tree/rounding.js';
import { Top } from '../../src/view/tree/top.js';
import { english } from '../../src/view/words.js';

const SECOND = 1_000_000;

describe('siblings are alike', () => {
  test.each([
    ['fit 4711', 'fit'],
    ['upload shard-7', 'upload shard'],
    ['upload shard7', 'upload shard'],
    ['epoch: 3/10', 'epoch'],
    ['part0001', 'part'],
    ['fold #3 of 5', 'fold'],
    ['train RandomForest(max_depth=3)', 'train RandomForest'],
    ['fit max_depth=9', 'fit'],
    ['GET https://example.org/items/17', 'GET'],
    ['job a3f8c1', 'job'],
    ['job 3fa8c1', 'job'],
    ['scrape Berlin', 'scrape'],
    ['S3 upload 12', 'S3 upload'],
    ['拟合 12', '拟合'],
    ['拟合12', '拟合'],
    ['fit ٣', 'fit'],
    ['evaluate', 'evaluate'],
    ['2026-01-31 export', '…-…-… export']
  ])('%s is a %s', (title, label) => {
    expect(kindOf(title).label).toBe(label);
    // The one before is remembered, and makes no difference.
    kindOf('fit 1');
    expect(kindOf(title).label).toBe(label);
  });

  test('not where only a number at the beginning is the same sort of thing', () => {
    expect(kindOf('2026-01-31 export').key).not.toBe(kindOf('2026-01-31 import').key);
    expect(kindOf('2026-01-31 export').key).toBe(kindOf('2025-12-01 export').key);
  });
});

test('the first few of many stay right while they come and go', () => {
  const top = new Top<number>(3, (one, other) => one - other);
  const all = new Set<number>();
  let state = 1;
  for (let step = 0; step < 5000; step += 1) {
    state = (state * 48271) % 2147483647;
    const value = state % 200;
    if (all.has(value)) {
      all.delete(value);
      top.remove(value);
    } else {
      all.add(value);
      top.add(value);
    }
    expect(top.first(() => all)).toEqual([...all].sort((one, other) => one - other).slice(0, 3));
  }
});

test('the median of durations is theirs, to half a per cent', () => {
  const durations = new Durations();
  expect(durations.median()).toBeNull();
  for (let ms = 1; ms <= 999; ms += 1) {
    durations.add(ms * 1000);
  }
  expect(durations.median()! / 500_000).toBeCloseTo(1, 2);
  for (let ms = 1; ms <= 998; ms += 1) {
    durations.remove(ms * 1000);
  }
  expect(durations.median()).toBe(999_000);
});

describe('the rate at which tasks end', () => {
  test('is that of the last minute, and falls while nothing ends', () => {
    const pace = new Pace();
    for (let second = 0; second < 300; second += 10) {
      pace.add(second * SECOND);
    }
    for (let tenth = 3000; tenth <= 3600; tenth += 1) {
      pace.add((tenth / 10) * SECOND);
    }
    expect(pace.rate(360 * SECOND)).toBeCloseTo(10, 0);
    expect(pace.rate(380 * SECOND)!).toBeLessThan(9);
    expect(pace.last).toBe(360 * SECOND);
  });

  test('isn’t told of a few', () => {
    const pace = new Pace();
    [1, 2, 3, 4].forEach(second => pace.add(second * SECOND));
    expect(pace.rate(5 * SECOND)).toBeNull();
  });
});

test('which values are better is said only where the name tells', () => {
  expect(['auc', 'val_accuracy', 'f1', 'R2', 'test score'].map(betterOf)).toEqual(Array(5).fill('higher'));
  expect(
    ['neg_mean_squared_error', 'test_neg_log_loss', 'val/neg_log_loss', 'neg/loss', 'val:neg rmse'].map(
      betterOf
    )
  ).toEqual(Array(5).fill('higher'));
  expect(betterOf('negative_log_likelihood')).toBe('lower');
  expect(['loss', 'val/loss', 'valLoss', 'RMSE', 'train_error'].map(betterOf)).toEqual(
    Array(5).fill('lower')
  );
  expect(['alpha', 'n_rows', 'seconds', 'maps', 'glossary'].map(betterOf)).toEqual(Array(5).fill(null));
});

test('what is left is told no more exactly than it can be', () => {
  const told = [2, 34, 100, 485, 530, 24 * 60, 95 * 60, 7 * 3600, 80 * 3600].map(seconds =>
    leftText(english, seconds * SECOND).replace(/\u202f/g, ' ')
  );
  expect(told).toEqual([
    '~5 s left',
    '~30 s left',
    '~2 min left',
    '~8 min left',
    '~8 min left',
    '~25 min left',
    '~1 h 30 min left',
    '~7 h left',
    '~3 d left'
  ]);
  expect([0.94123, 12.345, 0, 7, 0.0000123, 1234567.8].map(valueText)).toEqual([
    '0.941',
    '12.3',
    '0',
    '7',
    '1.23e-5',
    '1.23e+6'
  ]);
});

describe('a text tells a value already', () => {
  test.each([
    ['best auc 0.937', 'auc', '0.937'],
    ['best auc 0.9367', 'auc', '0.937'],
    ['best auc 0.9365', 'auc', '0.937'],
    ['AUC=0.94 after 12 folds', 'auc', '0.937'],
    ['auc: 93.7 %, 93.65% before', 'auc', '0.937'],
    ['fold 3 · val auc .937', 'val_auc', '0.937'],
    ['loss -1.2e-05', 'loss', '-1.20e-5'],
    ['score 1234567', 'score', '1.23e+6'],
    ['score 120.4', 'score', '120'],
    ['f1 0.8, then f1 0.91', 'f1', '0.912'],
    ['accuracy 1.0', 'accuracy', '1'],
    ['loss 0', 'loss', '0'],
    ['score 12', 'score', '12.3'],
    ['准确率 acc：0.91', '准确率 acc', '0.91']
  ])('%s: %s is %s', (text, name, written) => {
    expect(says(text, name, written)).toBe(true);
  });

  test.each([
    ['best auc 0.9312', 'auc', '0.937'],
    ['auc of fold 1', 'auc', '0.937'],
    ['0.937', 'auc', '0.937'],
    ['pauc 0.937', 'auc', '0.937'],
    ['val_auc 0.937', 'auc', '0.937'],
    ['score 121', 'score', '120'],
    ['score 12', 'score', '120'],
    ['accuracy 1 of 5 folds done', 'accuracy', '0.941'],
    ['accuracy 0.941', 'accuracy', '1'],
    ['loss 0', 'loss', '0.412'],
    ['loss 0.1', 'loss', '0.0623'],
    ['auc 0.937', 'loss', '0.937'],
    ['auc 0.937', '…', '0.937']
  ])('%s: nothing of %s is %s', (text, name, written) => {
    expect(says(text, name, written)).toBe(false);
  });
});
