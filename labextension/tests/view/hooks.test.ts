import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { throttled } from '../../src/view/index.js';
import { FakeFollow } from './story.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Counts what it is told; drawing takes `cost` milliseconds each time. */
function draw(cost: number) {
  const follow = new FakeFollow();
  const calm = throttled(follow);
  let seen = -1;
  let drawn = 0;
  calm.subscribe(() => {
    drawn += 1;
    seen = calm.getVersion();
    vi.setSystemTime(Date.now() + cost);
  });
  return {
    follow,
    drawn: () => drawn,
    isUpToDate: () => seen === follow.getVersion(),
    /** Changes every 10 ms for a second. */
    busySecond: () => {
      const until = Date.now() + 1000;
      while (Date.now() < until) {
        follow.set({});
        vi.advanceTimersByTime(10);
      }
    }
  };
}

describe('drawing what changes all the time', () => {
  test('tells of the first change at once and of the last one always', () => {
    const { follow, drawn, isUpToDate } = draw(1);
    follow.set({});
    expect(drawn()).toBe(1);
    follow.set({});
    follow.set({});
    expect(drawn()).toBe(1);
    vi.advanceTimersByTime(100);
    expect(drawn()).toBe(2);
    expect(isUpToDate()).toBe(true);
  });

  test('is done at most ten times a second', () => {
    const { drawn, busySecond } = draw(1);
    busySecond();
    expect(drawn()).toBeGreaterThanOrEqual(9);
    expect(drawn()).toBeLessThanOrEqual(11);
  });

  test('leaves the page three quarters of its time where it is slow', () => {
    const { drawn, busySecond } = draw(100);
    busySecond();
    busySecond();
    expect(drawn()).toBeLessThanOrEqual(6);
    expect(drawn()).toBeGreaterThanOrEqual(3);
  });
});
