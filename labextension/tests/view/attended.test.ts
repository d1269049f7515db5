// What is made for those who look: nobody works where nobody looks.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Gradual, Remade } from '../../src/view/attended.js';
import type { Work } from '../../src/view/slices.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

function counting(slices: number, isNews: (left: number) => boolean = () => true) {
  const left = { count: slices };
  const gradual = new Gradual(() =>
    left.count > 0
      ? () => {
          left.count -= 1;
          return isNews(left.count);
        }
      : null
  );
  return { left, gradual };
}

test('what is found out bit by bit goes on while somebody looks, and says when there is something new', () => {
  const { left, gradual } = counting(4, count => count % 2 === 0);
  const listener = vi.fn();
  gradual.work();
  vi.runAllTimers();
  expect(left.count).toBe(4);
  const stop = gradual.subscribe(listener);
  vi.advanceTimersToNextTimer();
  expect([left.count, gradual.getVersion()]).toEqual([3, 0]);
  stop();
  vi.runAllTimers();
  expect(left.count).toBe(3);
  gradual.subscribe(listener);
  vi.runAllTimers();
  expect([left.count, gradual.getVersion()]).toEqual([0, 2]);
  expect(listener).toHaveBeenCalledTimes(2);
});

test('it goes on when there is more to do, a slice at a time', () => {
  const { left, gradual } = counting(0);
  gradual.subscribe(() => undefined);
  vi.runAllTimers();
  left.count = 2;
  gradual.work();
  gradual.work();
  expect(vi.getTimerCount()).toBe(1);
  vi.runAllTimers();
  expect(left.count).toBe(0);
});

test('what is made as a whole is made of what there was, and put down when the last one leaves', () => {
  const steps = { count: 0 };
  const remade = new Remade<string>(
    function* (before): Work<string> {
      for (let i = 0; i < 3; i += 1) {
        steps.count += 1;
        yield;
      }
      return `${before}!`;
    },
    'a',
    100
  );
  const [one, other] = [vi.fn(), vi.fn()];
  const stops = [remade.subscribe(one), remade.subscribe(other)];
  remade.show(true);
  expect(remade.get()).toBe('a!');
  expect([one, other].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  remade.show(false);
  stops[0]!();
  vi.runAllTimers();
  expect(remade.get()).toBe('a!!');
  expect([one, other].map(({ mock }) => mock.calls.length)).toEqual([1, 2]);
  steps.count = 0;
  remade.show(false);
  stops[1]!();
  vi.runAllTimers();
  expect([steps.count, remade.get()]).toEqual([0, 'a!!']);
});
