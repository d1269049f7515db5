// The table in a page: header, rows, choices, and what is copied.
import { act, within } from '@testing-library/react';
import { afterEach, describe, expect, test } from 'vitest';
import { memoryOf } from '../../src/view/memory.js';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

afterEach(() => localStorage.clear());

let projects = 0;

async function table(
  story: Story,
  kept: Record<string, unknown> = {},
  projectId = `table-${(projects += 1)}`
) {
  const memory = memoryOf(projectId);
  Object.entries({ part: 'table', ...kept }).forEach(([name, value]) => memory.write(name, value));
  const page = show(story, { projectId });
  const grid = () => page.getByRole('grid');
  await page.until(() => expect(page.container.querySelector('.tt-table-head')).toBeTruthy());
  const rows = () =>
    [...grid().querySelectorAll<HTMLElement>('.tt-tbody [role="row"]')].sort(
      (a, b) =>
        Number(a.ariaRowIndex ?? a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex'))
    );
  return {
    ...page,
    grid,
    header: (name: string) => within(grid()).getByRole('columnheader', { name }),
    column: (name: string) =>
      rows().map(row => row.querySelector(`[data-column="${name}"]`)?.textContent ?? null),
    cell: (id: string, column: string) =>
      grid().querySelector<HTMLElement>(`[data-row="${id}"] [data-column="${column}"]`)!
  };
}

function fits(...aucs: (number | string)[]): Story {
  const story = new Story().task('run', null, { title: 'Grid search', status: 'running' });
  aucs.forEach((auc, at) =>
    story.task(`f${at}`, 'run', {
      title: `fit ${at}`,
      status: 'completed',
      params: { depth: at, note: 'x' },
      metrics: { auc, loss: at }
    })
  );
  return story;
}

describe('the table', () => {
  test('says what it shows', async () => {
    const page = await table(fits(0.8, 0.9, 0.7));
    expect(page.container.querySelector('.tt-table-head')?.textContent).toContain('fit (3) ▾');
    await page.user.click(page.header('auc'));
    expect(page.container.querySelector('.tt-table-stats')?.textContent).toBe('3 completed · sorted by auc');
  });

  test('a click on a metric brings its best first, another the last, a third the order of the tree', async () => {
    const page = await table(fits(0.8, 0.9, 'NaN', 0.7));
    await page.user.click(page.header('auc'));
    expect(page.column('title')).toEqual(['fit 1', 'fit 0', 'fit 3', 'fit 2']);
    expect(page.header('auc').getAttribute('aria-sort')).toBe('descending');
    await page.user.click(page.header('auc'));
    expect(page.column('title')).toEqual(['fit 3', 'fit 0', 'fit 1', 'fit 2']);
    await page.user.click(page.header('auc'));
    expect(page.column('title')).toEqual(['fit 0', 'fit 1', 'fit 2', 'fit 3']);
    expect(page.header('auc').getAttribute('aria-sort')).toBe('none');
    await page.user.click(page.header('loss'));
    expect(page.header('loss').getAttribute('aria-sort')).toBe('ascending');
  });

  test('a task is as far as the tree says: what is completed is all done', async () => {
    const story = new Story().task('run', null, { title: 'run' });
    story.task('t1', 'run', { title: 't 1', status: 'running', progress: 0.4 });
    story.task('t2', 'run', { title: 't 2', status: 'running', progress: 0.4 });
    story.node('t2', { status: 'completed' });
    const page = await table(story, { 'table.columns': { progress: true } });
    expect(page.column('progress')).toEqual(['40\u202f%', '100\u202f%']);
  });

  test('writes the numbers of a column with equal decimals; what was rounded is in the tooltip', async () => {
    const page = await table(fits(1.21, 0.6, 0.123456, 2));
    expect(page.column('metrics.auc')).toEqual(['1.2100', '0.6000', '0.1235', '★ 2.0000 the best']);
    expect(page.column('params.depth')).toEqual(['0', '1', '2', '3']);
    const titled = (id: string) =>
      page.cell(id, 'metrics.auc').querySelector('.tt-td-text')?.getAttribute('title');
    expect(titled('f2')).toBe('0.123456');
    expect(titled('f1')).toBeNull();
  });

  test('marks the best of each metric, by more than its weight', async () => {
    const page = await table(fits(0.8, 0.9, 0.7));
    expect(page.column('metrics.auc')).toEqual(['0.8', '★ 0.9 the best', '0.7']);
    expect(page.column('metrics.loss')).toEqual(['★ 0 the best', '1', '2']);
  });

  test('is one stop for Tab; arrows go from cell to cell and into the header, Enter sorts and shows details', async () => {
    const page = await table(fits(0.8, 0.9, 0.7));
    act(() => page.header('Task').focus());
    expect(page.grid().querySelectorAll('[tabindex="0"]')).toHaveLength(1);
    await page.user.keyboard('{ArrowRight}{ArrowRight}{ArrowRight}{Enter}');
    expect(page.header('auc').getAttribute('aria-sort')).toBe('descending');
    expect(document.activeElement).toBe(page.header('auc'));
    await page.user.keyboard('{ArrowDown}{ArrowDown}{Enter}');
    expect(page.getByRole('region', { name: 'Details of fit 0' })).toBeTruthy();
    expect(document.activeElement).toBe(page.cell('f0', 'metrics.auc'));
    await page.user.keyboard('{ArrowDown}');
    expect(page.getByRole('region', { name: 'Details of fit 2' })).toBeTruthy();
    await page.user.keyboard('{Escape}');
    expect(page.queryByRole('region')).toBeNull();
    await page.user.keyboard('{Control>}{Home}{/Control}');
    expect(document.activeElement).toBe(page.cell('f1', 'status'));
    expect(page.grid().querySelectorAll('[tabindex="0"]')).toHaveLength(1);
  });

  test('a click on a row shows its details', async () => {
    const page = await table(fits(0.8, 0.9));
    await page.user.click(page.cell('f1', 'metrics.loss'));
    expect(page.getByRole('region', { name: 'Details of fit 1' })).toBeTruthy();
    expect(page.cell('f1', 'title').closest('[role="row"]')?.getAttribute('aria-selected')).toBe('true');
  });

  test('keeps its rows in place while somebody is in it, and puts them in order when asked or left', async () => {
    const story = fits(0.8, 0.9, 0.7);
    const page = await table(story, { 'table.sort': { column: 'metrics.auc', descending: true } });
    expect(page.column('title')).toEqual(['fit 1', 'fit 0', 'fit 2']);
    act(() => page.header('Task').focus());
    story.node('f2', { metrics: { auc: 0.99 } });
    act(() => page.follow.set({}));
    await page.until(() => expect(page.column('metrics.auc')[2]).toBe('★ 0.99 the best'));
    expect(page.column('title')).toEqual(['fit 1', 'fit 0', 'fit 2']);
    await page.user.click(page.getByRole('button', { name: 'Sort again' }));
    await page.until(() => expect(page.column('title')).toEqual(['fit 2', 'fit 1', 'fit 0']));
    expect(page.queryByRole('button', { name: 'Sort again' })).toBeNull();
  });

  test('of 10 000 tasks and 200 columns only what is in sight is in the page', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    const metrics = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`m${i}`, i]));
    for (let i = 0; i < 10_000; i += 1) {
      story.task(`t${i}`, 'run', { title: `t ${i}`, status: 'completed', ...(i === 0 ? { metrics } : {}) });
    }
    const page = await table(story, { 'grid.away': true });
    expect(page.grid().getAttribute('aria-rowcount')).toBe('10001');
    expect(Number(page.grid().getAttribute('aria-colcount'))).toBeGreaterThan(200);
    expect(page.grid().querySelectorAll('[role="gridcell"]').length).toBeLessThan(1500);
  });
});

describe('what is chosen', () => {
  test('columns: by keyboard, kept, and the way back', async () => {
    const page = await table(fits(0.8, 0.9), {}, 'columns');
    await page.user.click(page.getByRole('button', { name: /^Columns/ }));
    const depth = page.getByRole('checkbox', { name: 'depth' });
    expect(document.activeElement).toBe(depth);
    await page.user.keyboard(' {ArrowDown}');
    expect(document.activeElement).toBe(page.getByRole('checkbox', { name: 'note' }));
    await page.user.keyboard('{Escape}');
    expect(document.activeElement).toBe(page.getByRole('button', { name: /^Columns/ }));
    expect(within(page.grid()).queryByRole('columnheader', { name: 'depth' })).toBeNull();
    page.unmount();
    const next = await table(fits(0.8, 0.9), {}, 'columns');
    expect(within(next.grid()).queryByRole('columnheader', { name: 'depth' })).toBeNull();
    await next.user.click(next.getByRole('button', { name: /^Columns/ }));
    await next.user.click(next.getByRole('button', { name: 'The usual ones' }));
    expect(next.header('depth')).toBeTruthy();
  });

  test('all columns, or the usual ones, of these tasks: what was chosen for others stays', async () => {
    const story = fits(0.8, 0.9);
    for (const id of ['e1', 'e2']) {
      story.task(id, 'run', { title: `eval ${id}`, status: 'completed', params: { split: 'x' } });
    }
    const kept = { 'params.split': false, 'params.depth': false };
    const page = await table(story, { 'table.columns': kept });
    const chosen = () => memoryOf(`table-${projects}`).read('table.columns', value => value);
    await page.user.click(page.getByRole('button', { name: /^Columns/ }));
    await page.user.click(page.getByRole('button', { name: 'All' }));
    expect(chosen()).toMatchObject({ 'params.split': false, 'params.depth': true, node_id: true });
    await page.user.click(page.getByRole('button', { name: 'The usual ones' }));
    expect(chosen()).toEqual({ 'params.split': false });
  });

  test('which value of a metric is better', async () => {
    const page = await table(fits(0.8, 0.9));
    await page.user.click(page.getByRole('button', { name: /^Columns/ }));
    await page.user.click(page.getByRole('button', { name: 'auc: higher is better' }));
    expect(page.column('metrics.auc')).toEqual(['★ 0.8 the best', '0.9']);
    await page.user.click(page.getByRole('button', { name: 'auc: lower is better' }));
    expect(page.column('metrics.auc')).toEqual(['0.8', '0.9']);
  });

  test('which tasks', async () => {
    const story = fits(0.8, 0.9).task('load', 'run', { title: 'load data' });
    const page = await table(story);
    await page.user.selectOptions(
      page.getByRole('combobox', { name: 'Tasks in the table' }),
      'All tasks (4)'
    );
    expect(page.column('title')).toEqual(['Grid search', 'fit 0', 'fit 1', 'load data']);
    expect(memoryOf(`table-${projects}`).read('table.group', value => value)).toBe('all');
  });

  test('what is looked for', async () => {
    const found = await table(fits(0.8, 0.9, 0.7), { search: 'fit 1' });
    expect(found.column('title')).toEqual(['fit 1']);
    expect(found.container.querySelector('.tt-table-stats')?.textContent).toBe('1 of 3 · 1 completed');
    const none = await table(fits(0.8), { search: 'nobody' });
    expect(none.getByText('Nothing matches “nobody”')).toBeTruthy();
  });
});

describe('the copy', () => {
  test('holds the rows and columns as they are shown', async () => {
    const page = await table(fits(0.8, 0.9), {
      'table.columns': { duration: false, started_at: false, ended_at: false }
    });
    await page.user.click(page.header('auc'));
    await page.user.click(page.getByRole('button', { name: 'Copy as CSV' }));
    await page.until(() => expect(page.getByText('Copied 2 rows')).toBeTruthy());
    expect(await navigator.clipboard.readText()).toBe(
      'status,title,params.depth,params.note,metrics.auc,metrics.loss\r\n' +
        'completed,fit 1,1,x,0.9,1\r\ncompleted,fit 0,0,x,0.8,0\r\n'
    );
  });
});

test('hostile names and values are text, and one line', async () => {
  const evil = '<img src=x onerror=alert(1)>\u202e\n';
  const story = new Story().task('run', null);
  for (const id of ['a1', 'a2']) {
    story.task(id, 'run', {
      title: `${evil} ${id}`,
      agent: evil,
      params: { [evil]: evil, constructor: 1, ['__proto__']: evil },
      metrics: { [evil]: 1 }
    });
  }
  const page = await table(story);
  expect(page.grid().querySelector('img')).toBeNull();
  expect(page.grid().textContent).toContain('<img src=x');
  expect(page.container.querySelector('.tt-table')?.textContent).not.toMatch(/[\u202e\n]/);
});

test('a grid search shows what its fits were given and what came out', async () => {
  const page = await table(gridSearch(20));
  expect(page.column('params.max_depth')[0]).toBe('4');
  expect(page.column('metrics.loss')[0]).toBe('NaN');
});
