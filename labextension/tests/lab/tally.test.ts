import { expect, test } from 'vitest';
import { staleOf } from '../../src/core/info.js';
import { runState } from '../../src/lab/run-state.js';
import { SlownessReader } from '../../src/lab/slowness.js';
import { Counter, tallyText } from '../../src/lab/tally.js';
import { english } from '../../src/view/words.js';
import { project, run } from './projects.js';

/** Two tasks of each run are said to run. */
const withStale = (stale?: Record<string, number>) => ({
  ...project('p', [run('now', { failures: 1 })]),
  ...(stale ? { stale } : {})
});

test('what nobody hears is counted apart from what runs, in whichever project', () => {
  const heard = project('q', [run('other')]);
  expect(new Counter().count([withStale(), heard])).toEqual({ running: 4, stale: 0, failed: 1 });
  expect(new Counter().count([withStale({ now: 1 }), heard])).toEqual({ running: 3, stale: 1, failed: 1 });
  expect(new Counter().count([withStale({ now: 2 }), heard])).toEqual({ running: 2, stale: 2, failed: 1 });
});

test('the status bar says so in words', () => {
  const text = (running: number, failed: number, stale: number) =>
    tallyText(english, { running, failed, stale });
  expect(text(3, 1, 2)).toBe('3 tasks running, 1 task failed, 2 tasks not heard of');
  expect(text(0, 0, 1)).toBe('1 task not heard of');
  expect(text(0, 0, 0)).toBe('no task running');
});

test('never more is stale than is said to run, and nonsense is nothing', () => {
  const stale = (counts: unknown, id = 'now') =>
    staleOf({ ...project('p', []), stale: counts as Record<string, number> }, run(id));
  expect(stale({ now: 7 })).toBe(2);
  expect([{ now: -1 }, { now: '1' }, { other: 1 }, null].map(counts => stale(counts))).toEqual([0, 0, 0, 0]);
  expect(stale({}, 'constructor')).toBe(0);
});

test('a run is stale only where nothing that runs in it is heard', () => {
  const { rollup } = run('now');
  expect(runState('running', rollup, 0)).toBe('running');
  expect(runState('running', rollup, 1)).toBe('running');
  expect(runState('running', rollup, 2)).toBe('stale');
  expect(runState('failed', rollup, 2)).toBe('failed');
  const reviewed = { ...rollup, counts: { running: 2, review: 1 } };
  expect(runState('running', reviewed, 2)).toBe('running');
  expect(runState('running', { ...rollup, counts: {} }, 0)).toBe('running');
});

test('a run in which nothing is heard isn’t told to be slower than usual', () => {
  const at = (minute: number) => new Date(Date.parse('2026-01-31T14:00:00Z') + minute * 60_000).toISOString();
  const before = ['a', 'b'].map(id =>
    run(id, { title: 'nightly', status: 'completed', started_at: at(0), ended_at: at(1) })
  );
  const now = { ...project('p', [run('now', { title: 'nightly', started_at: at(2) }), ...before]) };
  const hour = Date.parse(at(60)) * 1000;
  expect(new SlownessReader().read([{ ...now, stale: { now: 2 } }], hour)).toEqual([]);
  expect(new SlownessReader().read([{ ...now, stale: { now: 1 } }], hour)).toMatchObject([{ kind: 'slow' }]);
});
