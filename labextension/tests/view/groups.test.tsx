// Siblings alike in one row, and rows that keep their places.
import { act, fireEvent } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import type { Alike, Member } from '../../src/view/tree/alike.js';
import { arrange } from '../../src/view/tree/arrange.js';
import { familiesOf } from '../../src/view/tree/families.js';
import { show } from './page.js';
import { Story } from './story.js';

const SECOND = 1_000_000;

/** A run whose fits have taken 1, 2, 3, … seconds, with other tasks beside them or in a node of their own. */
function fits(count: number, parent: 'run' | 'fit', start = Date.now() * 1000 - 3600 * SECOND): Story {
  const story = new Story(start).task('run', null, { title: 'Grid search', status: 'running' });
  story.task('load', 'run', { title: 'load data', status: 'completed' });
  if (parent === 'fit') {
    story.task('fit', 'run', { status: 'running', expected: 400 });
  }
  const at = (seconds: number) => new Date(start / 1000 + seconds * 1000).toISOString();
  for (let i = 0; i < count; i += 1) {
    const status = i === 20 ? 'failed' : i >= count - 5 ? 'ready' : i >= count - 8 ? 'running' : 'completed';
    const ended = { started_at: at(i), ended_at: at(i * 2 + 1), metrics: { auc: 0.9 + i / 1000 } };
    story.task(`fit/${i}`, parent, {
      title: `fit ${i}`,
      status,
      ...(status === 'completed' ? ended : status === 'running' ? { started_at: at(1000 - i) } : {})
    });
  }
  story.task('report', 'run');
  return story;
}

const text = (row: HTMLElement) => row.textContent.replace(/\u202f/g, ' ');

describe('siblings alike', () => {
  test('are one row where others stand beside them, with what they have in common', () => {
    const page = show(fits(60, 'run'));
    expect(page.titles().slice(0, 3)).toEqual(['Grid search', 'load data', 'fit']);
    const group = page.row('fit');
    expect(group.dataset.nodeId).toBeUndefined();
    expect(text(group)).toContain('×60');
    expect(group.querySelector('.tt-badge-running')?.textContent).toBe('3 running');
    expect(group.querySelector('.tt-badge-failed')?.textContent).toBe('1 failed');
    // 51 took 1 to 52 s, without the 21 s of the one that failed.
    expect(group.querySelector('.tt-message')?.textContent).toMatch(
      /^p50 27\.0\u202fs · .* best auc 0\.951$/
    );
    expect(group.querySelector('.tt-cell-count')?.textContent).toBe('52/60');
    expect(group.getAttribute('aria-expanded')).toBe('true');
    expect(group.getAttribute('aria-level')).toBe('2');
    expect(page.row('fit 20').getAttribute('aria-level')).toBe('3');
    expect(page.titles().at(-1)).toBe('report');
  });

  test('with a parent of their own have no row of their own: it tells what they have in common', () => {
    const page = show(fits(60, 'fit'));
    const rows = page.titles().filter(title => title === 'fit');
    expect(rows).toHaveLength(1);
    expect(page.row('fit').dataset.nodeId).toBe('fit');
    expect(text(page.row('fit'))).toContain('×60');
    expect(text(page.row('fit'))).toContain('p50 27.0 s');
    expect(page.row('fit 20').getAttribute('aria-level')).toBe('3');
  });

  test.each(['best auc 0.951', 'best auc 0.9507', 'AUC: 95.1 %'])(
    'what the task says of itself is not told again, however it is rounded: %s',
    said => {
      const story = fits(60, 'fit').node('fit', { message: said });
      const message = show(story).row('fit').querySelector('.tt-message')?.textContent;
      expect(message?.startsWith(`${said} · p50 27.0\u202fs`)).toBe(true);
      expect(message?.match(/auc/gi)).toHaveLength(1);
    }
  );

  test('another value than the task’s own is told beside it', () => {
    const story = fits(60, 'fit').node('fit', { message: 'best auc 0.94' });
    const message = show(story).row('fit').querySelector('.tt-message')?.textContent;
    expect(message).toMatch(/^best auc 0\.94 · .* · best auc 0\.951$/);
  });

  test('too many to be timed in one go tell nothing of their times until all are', () => {
    const family = familiesOf(fits(3000, 'fit').tree).of('fit');
    const alike = family.only;
    expect([alike?.median(), alike?.rate(Date.now() * 1000), alike?.best()]).toEqual([null, null, null]);
    family.time(999);
    expect([alike?.median(), alike?.best()]).toEqual([null, null]);
    family.time(1);
    expect(alike?.median()?.of).toBe(2991);
    expect(alike?.best()?.value).toBe(0.9 + 2.991);
  });

  test('of several kinds have a row each, and what is like nothing else stays as it is', async () => {
    const story = fits(30, 'run');
    for (let i = 0; i < 12; i += 1) {
      story.task(`eval/${i}`, 'run', { title: `evaluate fold-${i}`, status: 'ready' });
    }
    const page = show(story);
    expect(page.titles().filter(title => !/^fit \d/.test(title))).toEqual([
      'Grid search',
      'load data',
      'fit',
      expect.stringMatching(/completed/),
      'report',
      'evaluate fold'
    ]);
    await page.user.click(page.row('evaluate fold'));
    expect(page.titles()).toContain('evaluate fold-11');
  });

  test('are told first what failed, then what runs, the slowest, and the rest in one row', () => {
    const page = show(fits(60, 'run'));
    const inside = page.titles().slice(3, -1);
    expect(inside).toEqual([
      'fit 20',
      // The one that began first has run longest.
      ...['fit 54', 'fit 53', 'fit 52'],
      ...Array.from({ length: 10 }, (_, i) => `fit ${51 - i}`),
      '41 completed, 5 ready'
    ]);
  });

  test('one that failed and is looked at stands among those that failed where it belongs', () => {
    const story = fits(60, 'fit');
    for (const i of [5, 30, 40]) {
      story.node(`fit/${i}`, { status: 'failed' });
    }
    const alike = familiesOf(story.tree).of('fit').only as Alike;
    const looked = alike.members.find(({ id }) => id === 'fit/5') as Member;
    const { shown } = arrange(alike, undefined, new Set([looked]), false);
    expect(shown.slice(0, 4).map(({ id }) => id)).toEqual(['fit/5', 'fit/20', 'fit/30', 'fit/40']);
  });

  test('keep what somebody closed and opened', async () => {
    const page = show(fits(60, 'run'), { projectId: 'kept-groups' });
    await page.user.click(page.row('fit').querySelector('[data-twisty="true"]')!);
    expect(page.titles()).not.toContain('fit 20');
    page.unmount();
    expect(show(fits(60, 'run'), { projectId: 'kept-groups' }).titles()).not.toContain('fit 20');
  });

  test('a few are no group', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 16; i += 1) {
      story.task(`t${i}`, 'run', { title: i % 2 ? `fit ${i}` : `load ${i}`, status: 'running' });
    }
    expect(show(story).titles()).toHaveLength(17);
  });
});

describe('what is known of siblings alike', () => {
  test('stays the same as if all were looked at again', () => {
    const story = fits(900, 'run');
    const kept = familiesOf(story.tree);
    kept.of('run');
    let state = 7;
    const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
    const statuses = ['ready', 'running', 'completed', 'failed', 'cancelled', 'skipped'];
    for (let round = 0; round < 60; round += 1) {
      for (let step = 0; step < 40; step += 1) {
        const id = `fit/${random(1000)}`;
        switch (random(8)) {
          case 0:
            story.node(id, null);
            break;
          case 1:
            story.task(id, 'run', { title: `fit ${random(900)}`, status: 'running' });
            break;
          case 2:
            story.task(`${id}/part`, id, { status: statuses[random(6)] });
            break;
          case 3:
            // Another kind makes all be looked at again: once, so that the rest is kept up.
            story.node(id, { title: `${round === 25 ? 'refit' : 'fit'} ${random(9)}` });
            break;
          default:
            story.node(id, { status: statuses[random(6)], metrics: { auc: random(1000) / 1000 } });
        }
      }
      const family = kept.of('run');
      family.kinds.forEach(alike => alike.rollup(story.tree));
      if (round % 20 === 19) {
        family.time(Infinity);
        const again = Object.assign(
          Object.create(Object.getPrototypeOf(story.tree) as object),
          story.tree
        ) as typeof story.tree;
        const fresh = familiesOf(again).of('run');
        fresh.time(Infinity);
        const told = (each: typeof family) =>
          [each.others, ...each.kinds.values()]
            .map(alike => ({
              key: alike.key,
              ids: alike.members.map(member => [member.id, member.index, member.place]),
              counts: alike.counts,
              rollup: alike.rollup(story.tree),
              failed: alike.firstFailed().map(({ id }) => id),
              running: alike.longestRunning().map(({ id }) => id),
              slowest: alike.slowestEnded().map(({ id }) => id),
              median: alike.median(),
              best: alike.best()
            }))
            .filter(({ key, ids }) => key !== null && ids.length >= 5);
        const byKey = (one: { key: string | null }, other: { key: string | null }) =>
          (one.key ?? '') < (other.key ?? '') ? -1 : 1;
        expect(told(family).sort(byKey)).toEqual(told(fresh).sort(byKey));
      }
    }
  });
});

describe('rows', () => {
  test('keep their places while somebody moves over them, and what is in them changes all the same', () => {
    vi.useFakeTimers();
    const story = fits(60, 'fit');
    const page = show(story);
    const before = page.titles();
    fireEvent.pointerMove(page.row('fit 52'));
    story.node('fit/54', { status: 'completed' }).node('fit/55', { status: 'failed' });
    act(() => {
      page.follow.set({});
      vi.advanceTimersByTime(500);
    });
    expect(page.titles().slice(0, -2)).toEqual(before.slice(0, -2));
    expect(page.row('fit 54').dataset.status).toBe('completed');
    act(() => void vi.advanceTimersByTime(2000));
    expect(page.titles()).toContain('fit 55');
  });

  test('of a group in which all went well stay while somebody is on one of them, and then go', () => {
    vi.useFakeTimers();
    const story = new Story().task('run', null, { status: 'running' }).task('load', 'run');
    const all = (status: string) => {
      for (let i = 0; i < 20; i += 1) {
        story.task(`fit/${i}`, 'run', { title: `fit ${i}`, status });
      }
    };
    all('running');
    const page = show(story);
    const passes = () =>
      act(() => {
        page.follow.set({});
        vi.advanceTimersByTime(5000);
      });
    fireEvent.click(page.row('fit 3'));
    all('completed');
    story.task('report', 'run');
    passes();
    expect(page.titles()).toContain('report');
    expect(page.row('fit').getAttribute('aria-expanded')).toBe('true');
    expect(page.row('fit 3').dataset.status).toBe('completed');
    fireEvent.click(page.row('load'));
    story.task('mail', 'run');
    passes();
    expect(page.titles()).toEqual(['run', 'load', 'fit', 'report', 'mail']);
  });

  test('that run keep their places when another one ends', async () => {
    const story = fits(60, 'fit');
    const page = show(story);
    const running = () => page.titles().filter(title => /^fit (5[2-9])$/.test(title));
    expect(running()).toEqual(['fit 54', 'fit 53', 'fit 52']);
    story.node('fit/54', { status: 'completed' }).node('fit/55', { status: 'running' });
    act(() => page.follow.set({}));
    await page.until(() => expect(page.titles()).toContain('fit 55'));
    expect(running().slice(0, 3)).toEqual(['fit 55', 'fit 53', 'fit 52']);
  });

  test('that come above the pointer leave the row under it where it is', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('a', 'run', { status: 'running' }).task('b', 'run', { status: 'running' }).task('b/1', 'b');
    const page = show(story);
    const grid = page.getByRole('treegrid');
    const placeOf = (title: string) => Number(page.row(title).dataset.index) * 26 - grid.scrollTop;
    fireEvent.pointerMove(page.row('b/1'));
    const before = placeOf('b/1');
    for (let i = 0; i < 4; i += 1) {
      story.task(`a/${i}`, 'a', { status: 'running' });
    }
    act(() => page.follow.set({}));
    await page.until(() => expect(page.titles()).toContain('a/3'));
    expect(placeOf('b/1')).toBe(before);
    expect(grid.scrollTop).toBe(4 * 26);
    fireEvent.pointerLeave(grid);
    expect(page.container.querySelector<HTMLElement>('.tt-spacer')!.style.height).toBe('0px');
  });

  test('in an opened rest stay where they are while those shown above them end', async () => {
    const story = fits(60, 'fit');
    const page = show(story);
    await page.user.click(page.row('41 completed, 5 ready'));
    const before = page.titles();
    ['fit/52', 'fit/53', 'fit/54'].forEach(id => story.node(id, { status: 'failed' }));
    act(() => page.follow.set({}));
    await page.until(() => expect(page.row('fit 52').dataset.status).toBe('failed'));
    expect(page.titles()).toEqual(before);
  });
});
