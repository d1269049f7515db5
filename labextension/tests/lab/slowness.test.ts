import { expect, test } from 'vitest';
import type { MissionInfo } from '../../src/core/follow.js';
import { SlownessReader } from '../../src/lab/slowness.js';
import { project, run } from './projects.js';

const START = Date.parse('2026-01-31T14:00:00Z') * 1000;
const at = (seconds: number) => new Date(START / 1000 + seconds * 1000).toISOString();
const MINUTE = 60_000_000;

function completed(id: string, seconds: number, title = 'nightly') {
  return run(id, { title, status: 'completed', started_at: at(-9000), ended_at: at(-9000 + seconds) });
}

test('a run that takes half as long again as its namesakes is told once', () => {
  const reader = new SlownessReader();
  const now = run('now', { title: 'nightly', started_at: at(0) });
  const projects = [
    project('p', [now, completed('b', 200), completed('a', 280), completed('x', 10, 'another')])
  ];
  expect(reader.read(projects, START + 5 * MINUTE)).toEqual([]);
  expect(reader.read(projects, START + 6 * MINUTE)).toMatchObject([
    { kind: 'slow', run: { mission_id: 'now' }, elapsed: 6 * MINUTE, usual: 4 * MINUTE }
  ]);
  expect(reader.read(projects, START + 7 * MINUTE)).toEqual([]);
});

test('a run of another size is no measure, and neither is what was ten runs ago', () => {
  const later = START + 60 * MINUTE;
  const sized = (leaves: number, total = leaves, counts = {}) => ({
    rollup: { leaves, total, done: 0, progress: 0, failures: 0, counts: { running: leaves, ...counts } }
  });
  const small = ['a', 'b'].map(id => ({ ...completed(id, 60), ...sized(10) }));
  const now = run('now', { title: 'nightly', started_at: at(0) });
  const tells = (...missions: MissionInfo[]) =>
    new SlownessReader().read([project('p', missions)], later).map(({ run: { mission_id } }) => mission_id);
  expect(tells({ ...now, ...sized(10_000) }, ...small)).toEqual([]);
  expect(tells({ ...now, ...sized(20) }, ...small)).toEqual(['now']);
  expect(tells({ ...now, ...sized(3, 4) }, ...small)).toEqual([]);
  // Nobody says how many are to come: it may become as large.
  expect(tells({ ...now, ...sized(3) }, ...small)).toEqual(['now']);

  const newer = Array.from({ length: 10 }, (_, i) => completed(`n${i}`, 4000));
  expect(tells(now, ...newer, ...['c', 'd', 'e'].map(id => completed(id, 60)))).toEqual([]);
  // What began after it isn't earlier.
  expect(tells(completed('x', 60), completed('y', 60), now)).toEqual([]);
});

test('one earlier run says nothing yet, and what has ended or doesn’t run isn’t slow', () => {
  const reader = new SlownessReader();
  const now = run('now', { title: 'nightly', started_at: at(0) });
  const later = START + 60 * MINUTE;
  expect(reader.read([project('p', [now, completed('a', 60)])], later)).toEqual([]);
  const ended = run('now', { title: 'nightly', status: 'failed', started_at: at(0), ended_at: at(3000) });
  expect(reader.read([project('p', [ended, completed('a', 60), completed('b', 60)])], later)).toEqual([]);
});
