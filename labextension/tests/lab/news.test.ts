import { beforeEach, describe, expect, test } from 'vitest';
import type { ProjectInfo } from '../../src/core/follow.js';
import { NewsReader } from '../../src/lab/news.js';
import { Counter } from '../../src/lab/tally.js';
import { project, run } from './projects.js';

const HOUR = 3600 * 1_000_000;

let reader: NewsReader;

beforeEach(() => {
  reader = new NewsReader();
});

function read(...projects: ProjectInfo[]): string[] {
  return reader.read(projects).map(({ kind, project: { project_id }, run: { mission_id } }) => {
    return `${project_id}/${mission_id} ${kind}`;
  });
}

describe('news', () => {
  test('what happened before the page was opened is none', () => {
    expect(
      read(project('p', [run('b', { failures: 3 }), run('a', { status: 'failed', failures: 1 })]))
    ).toEqual([]);
  });

  test('a list told twice, as after a reconnect, is none; what happened in between is', () => {
    read(project('p', [run('a')]));
    expect(read(project('p', [run('a', { failures: 1 })]))).toEqual(['p/a failed']);
    expect(read(project('p', [run('a', { failures: 1 })]))).toEqual([]);
    expect(read(project('p', [run('a', { failures: 4 })]))).toEqual(['p/a failed']);
  });

  test('an end is told once, with its failures, also of a run that began and ended unseen', () => {
    read(project('p', [run('a')]));
    const a = run('a', { status: 'failed', failures: 2 });
    expect(read(project('p', [a]))).toEqual(['p/a ended']);
    expect(read(project('p', [run('b', { status: 'completed' }), a]))).toEqual(['p/b ended']);
    expect(read(project('p', [run('b', { status: 'completed' }), a]))).toEqual([]);
  });

  test('a retry that fails too is a failure of its own', () => {
    read(project('p', [run('a', { failures: 1 })]));
    expect(read(project('p', [run('a')]))).toEqual([]);
    expect(read(project('p', [run('a', { failures: 1 })]))).toEqual(['p/a failed']);
  });

  test('a new project has news, one that was imported has not', () => {
    read(project('p', [run('a')], 5 * HOUR));
    const here = project('new', [run('n', { failures: 1 })], 5 * HOUR);
    const imported = project('old', [run('o', { failures: 1 })], HOUR);
    expect(read(project('p', [run('a')], 5 * HOUR), here, imported)).toEqual(['new/n failed']);
  });

  test('an older run that comes back into the list, since a newer one was deleted, is none', () => {
    read(project('p', [run('c'), run('b')]));
    expect(read(project('p', [run('b'), run('a', { status: 'failed', failures: 1 })]))).toEqual([]);
  });
});

describe('the numbers in the status bar', () => {
  test('count what runs, and what failed while this page was open until somebody tries again', () => {
    const counter = new Counter();
    const old = project('old', [run('o', { status: 'failed', failures: 9 })]);
    expect(counter.count([old, project('p', [run('a', { failures: 1 })])])).toEqual({
      running: 2,
      failed: 1,
      stale: 0
    });
    const ended = run('a', { status: 'failed', failures: 2 });
    expect(counter.count([old, project('p', [ended])])).toEqual({ running: 0, failed: 2, stale: 0 });
    expect(counter.count([old, project('p', [run('b'), ended])])).toEqual({
      running: 2,
      failed: 0,
      stale: 0
    });
  });
});
