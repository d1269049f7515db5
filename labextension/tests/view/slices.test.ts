// Work in slices: nothing is missed, and the page has its turn.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Upkeep, type Work } from '../../src/view/slices.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Each step takes 5 ms. */
function* steps(n: number, value: () => string): Work<string> {
  for (let i = 0; i < n; i += 1) {
    clock += 5;
    yield;
  }
  return value();
}

let clock = 0;

function upkeep(n: number, rest: number) {
  clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const made: string[] = [];
  const now = { value: 'a', begun: 0 };
  const keep = new Upkeep(
    () => {
      now.begun += 1;
      return steps(n, () => now.value);
    },
    value => made.push(value),
    rest
  );
  const pass = (milliseconds: number) => {
    clock += milliseconds;
    vi.advanceTimersByTime(milliseconds);
  };
  return { keep, made, now, pass };
}

test('what takes little is there at once, the next only after a rest', () => {
  const { keep, made, now, pass } = upkeep(0, 100);
  keep.ask();
  expect(made).toEqual(['a']);
  now.value = 'b';
  keep.ask();
  keep.ask();
  expect(made).toEqual(['a']);
  pass(100);
  expect(made).toEqual(['a', 'b']);
  pass(1000);
  expect(made).toHaveLength(2);
});

test('what takes long is put down in between, and made again when something changed meanwhile', () => {
  const { keep, made, now, pass } = upkeep(10, 0);
  keep.ask();
  expect(made).toEqual([]);
  keep.ask();
  for (let i = 0; i < 10 && made.length === 0; i += 1) {
    pass(1);
  }
  expect(made).toEqual(['a']);
  now.value = 'b';
  // It took 50 ms: it rests five times as long.
  pass(200);
  expect(now.begun).toBe(1);
  for (let i = 0; i < 60 && made.length === 1; i += 1) {
    pass(10);
  }
  expect(made).toEqual(['a', 'b']);
});

test('what somebody asked for begins at once, and what was under way is dropped', () => {
  const { keep, made, now, pass } = upkeep(10, 0);
  keep.ask();
  now.value = 'b';
  keep.askNow();
  expect(now.begun).toBe(2);
  for (let i = 0; i < 20; i += 1) {
    pass(1);
  }
  expect(made).toEqual(['b']);
  keep.stop();
  pass(1000);
  expect(made).toEqual(['b']);
});
