// Looking for something in the tree: what matches, in what it is, and nothing else.
import { act } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { parseQuery } from '../../src/core/query.js';
import { ViewMemory } from '../../src/view/memory.js';
import { Expansion, FOUND_ROWS } from '../../src/view/tree/expansion.js';
import { foundRows } from '../../src/view/tree/found.js';
import { Matching } from '../../src/view/tree/matching.js';
import type { Rows } from '../../src/view/tree/rows.js';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

const look = (story: Story, text: string, clock?: () => number) =>
  new Matching(story.tree, ['run'], parseQuery(text)!, clock);

describe('a search', () => {
  test('shows what matches and what it is in, and says how many match', async () => {
    const page = show(gridSearch(60));
    await page.user.type(page.getByRole('searchbox'), 'fit 1');
    // fit 1, fit 10 … fit 19.
    expect(page.titles()).toEqual([
      'Grid search',
      'fit',
      'fit 1',
      ...Array.from({ length: 10 }, (_, i) => `fit ${10 + i}`)
    ]);
    expect(page.container.querySelector('.tt-found [role="status"]')?.textContent).toBe('11 tasks match');
    expect(page.row('fit 1').getAttribute('aria-setsize')).toBe('11');
  });

  test('leaves alone what was open and closed before', async () => {
    const page = show(gridSearch(60));
    await page.user.click(page.row('fit').querySelector('[data-twisty="true"]')!);
    const before = page.titles();
    const box = page.getByRole('searchbox');
    await page.user.type(box, 'fit 1');
    expect(page.titles()).toContain('fit 10');
    await page.user.click(page.row('fit').querySelector('[data-twisty="true"]')!);
    expect(page.titles()).toEqual(['Grid search', 'fit']);
    await page.user.clear(box);
    expect(page.titles()).toEqual(before);
  });

  test('says that nothing matches', async () => {
    const page = show(gridSearch(20));
    await page.user.type(page.getByRole('searchbox'), 'no such task');
    expect(page.container.querySelector('.tt-found')?.textContent).toContain('Nothing matches');
    expect(page.titles()).toEqual([]);
  });

  test('goes on with what happens', async () => {
    const story = gridSearch(20);
    const page = show(story);
    await page.user.type(page.getByRole('searchbox'), 'tune');
    story.task('tune/1', 'fit', { title: 'tune 1' }).task('fit/3', 'fit', { title: 'tune 0' });
    act(() => page.follow.set({}));
    await page.until(() => expect(page.titles()).toEqual(['Grid search', 'fit', 'tune 0', 'tune 1']));
    story.node('fit/3', null);
    act(() => page.follow.set({}));
    await page.until(() => expect(page.titles()).toEqual(['Grid search', 'fit', 'tune 1']));
  });

  test('finds also what was there before what it is in', async () => {
    const story = gridSearch(20);
    const page = show(story);
    await page.user.type(page.getByRole('searchbox'), 'late');
    story.task('shard/1', 'shard', { title: 'late one' });
    act(() => page.follow.set({}));
    await page.until(() =>
      expect(page.container.querySelector('.tt-found')?.textContent).toContain('Nothing')
    );
    story.task('shard', 'fit', { title: 'shard' });
    act(() => page.follow.set({}));
    await page.until(() => expect(page.titles()).toEqual(['Grid search', 'fit', 'shard', 'late one']));
  });

  test('keeps the row that somebody is on, though it doesn’t match', async () => {
    const page = show(gridSearch(20));
    await page.user.click(page.row('load data').querySelector('[data-twisty="true"]')!);
    await page.user.click(page.row('clean'));
    await page.user.type(page.getByRole('searchbox'), 'fit 1');
    expect(page.titles()).toContain('clean');
    expect(page.titles()).not.toContain('read');
  });

  test('opens what matches as it is, with all that is in it', async () => {
    const page = show(gridSearch(20));
    await page.user.type(page.getByRole('searchbox'), 'load');
    expect(page.titles()).toEqual(['Grid search', 'load data']);
    await page.user.click(page.row('load data').querySelector('[data-twisty="true"]')!);
    expect(page.titles()).toEqual(['Grid search', 'load data', 'read', 'clean']);
  });
});

describe('a search that finds very many', () => {
  const story = new Story().task('run', null);
  for (let i = 0; i < 2000; i += 1) {
    story.task(`fit ${i}`, 'run').task(`score ${i}`, `fit ${i}`);
  }
  const expansion = () => new Expansion(new ViewMemory(null), FOUND_ROWS);
  const rowsOf = (given: Expansion, keep: string[] = []): Rows =>
    foundRows({
      ...{ tree: story.tree, roots: ['run'], matching: look(story, 'score', () => 0) },
      ...{ expansion: given, keep: new Set(keep) }
    });
  const keysOf = (rows: Rows) => Array.from({ length: rows.length }, (_, index) => rows.at(index)?.key);

  test('opens only the first ones, and leaves the others to who wants them', () => {
    const given = expansion();
    const rows = rowsOf(given);
    expect(keysOf(rows).slice(0, 5)).toEqual(['run', 'fit 0', 'score 0', 'fit 1', 'score 1']);
    expect(rows.indexOf('fit 1999')).toBe(rows.length - 1);
    expect(rows.length).toBeLessThan(2000 + FOUND_ROWS);
    expect(rows.at(rows.length - 1)).toMatchObject({ id: 'fit 1999', open: false, position: 2000 });
    given.choose(['fit 1999'], true);
    expect(keysOf(rowsOf(given)).slice(-2)).toEqual(['fit 1999', 'score 1999']);
  });

  test('opens where somebody is', () => {
    const rows = rowsOf(expansion(), ['score 1500']);
    const index = rows.indexOf('score 1500');
    expect(rows.at(index)).toMatchObject({ id: 'score 1500', parent: 'fit 1500' });
    expect(rows.at(index - 1)).toMatchObject({ id: 'fit 1500', open: true });
  });

  test('knows the place of each row', () => {
    const rows = rowsOf(expansion(), ['score 1500']);
    expect(keysOf(rows).map(key => rows.indexOf(key ?? null))).toEqual(keysOf(rows).map((_, index) => index));
  });
});

describe('what matches', () => {
  test('is found in slices, with the first ones at once', () => {
    let now = 0;
    const story = new Story().task('run', null);
    for (let i = 0; i < 5000; i += 1) {
      story.task(`t${i}`, 'run', { title: `fit ${i}` });
    }
    const matching = look(story, 'fit', () => (now += 3));
    expect(matching.isDone).toBe(false);
    expect(matching.count).toBeGreaterThan(100);
    expect(matching.childrenOf('run')[0]).toBe('t0');
  });

  test('is the same however it came about', () => {
    let state = 3;
    const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
    const told = (story: Story, matching: Matching) => [
      matching.count,
      ...[...story.tree.nodes()].map(({ node_id: id }) =>
        [id, ...matching.childrenOf(id), '|', ...[...matching.branchesOf(id)].sort()].join(' ')
      )
    ];
    for (let life = 0; life < 20; life += 1) {
      const story = new Story().task('run', null).task('other', null);
      const kept = look(story, 'fit 4', () => 0);
      for (let round = 0; round < 200; round += 1) {
        const id = `t${random(50)}`;
        const what = random(20);
        const parent = what < 6 ? 'run' : what < 8 ? 'other' : `t${random(50)}`;
        if (what === 0) {
          story.node(id, null);
        } else if (what < 12) {
          // Parents may come later than what is in them, and all may go elsewhere.
          story.task(id, parent, { title: `fit ${random(50)}` });
        } else {
          story.node(id, { title: `fit ${random(50)}` });
        }
        if (random(3) === 0) {
          kept.keepUp();
          expect(told(story, kept)).toEqual(
            told(
              story,
              look(story, 'fit 4', () => 0)
            )
          );
        }
      }
    }
  });

  test('isn’t what left the run before it was looked at', async () => {
    let now = 0;
    const story = new Story().task('run', null).task('other', null);
    for (let i = 0; i < 1000; i += 1) {
      story.task(`t${i}`, 'run', { title: `fit ${i}` });
    }
    const matching = look(story, 'fit 999', () => (now += 9));
    story.node('t999', { parent_id: 'other' });
    matching.keepUp();
    expect(matching.isDone).toBe(false);
    const leave = matching.subscribe(() => undefined);
    await vi.waitFor(() => expect(matching.isDone).toBe(true));
    leave();
    expect(matching.count).toBe(0);
  });
});
