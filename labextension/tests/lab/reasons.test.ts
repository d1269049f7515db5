import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Reasons } from '../../src/lab/reasons.js';
import { FakeHub, Story } from '../view/story.js';

let hub: FakeHub;
let reasons: Reasons;

beforeEach(() => {
  vi.useFakeTimers();
  hub = new FakeHub();
  reasons = new Reasons(hub);
});

afterEach(() => {
  reasons.dispose();
  vi.useRealTimers();
});

function failing(): Story {
  const story = new Story().task('run', null, { status: 'running' });
  const error = { type: 'ValueError', message: 'bad' };
  return story.task('a', 'run', { status: 'failed', error }).task('b', 'run', { status: 'failed', error });
}

test('the tree is followed to say why a run fails, and left when it is quiet', async () => {
  const answer = reasons.of('p', 'run', 2);
  hub.followed[0]!.set({ tree: failing().tree, status: 'live' });
  const found = await answer;
  expect(found?.groups.map(({ text, ids }) => `${text} ×${ids.length}`)).toEqual(['ValueError: bad ×2']);
  expect((await reasons.of('p', 'run', 2))?.groups).toHaveLength(1);
  expect(hub.followed).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(hub.followed[0]?.closed).toBe(true);
});

test('what doesn’t answer in time, or is too large, is known by its number only', async () => {
  expect(await reasons.of('p', 'run', 100_000)).toBeNull();
  expect(hub.followed).toHaveLength(0);
  const answer = reasons.of('p', 'run', 2);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await answer).toBeNull();
});
