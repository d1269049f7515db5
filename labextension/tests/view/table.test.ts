// What a table says of tasks: values, order, groups, the best.
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/core/query.js';
import { guess } from '../../src/view/better.js';
import { bestOf } from '../../src/view/table/best.js';
import { betterOf, choicesOf, firstSort, groupOf, sortOf } from '../../src/view/table/choices.js';
import { inOrder, isShown, widthsOf } from '../../src/view/table/columns.js';
import { FactsOf } from '../../src/view/table/facts.js';
import { sorted } from '../../src/view/table/order.js';
import { pictureOf, type Picture, type Wanted } from '../../src/view/table/picture.js';
import { gridSearch, Story } from './story.js';

function pictureFor(story: Story, wanted: Partial<Wanted> = {}, before: Picture | null = null): Picture {
  const { tree } = story;
  const all = {
    tree,
    roots: tree.roots,
    now: null,
    group: null,
    query: null,
    sort: null,
    better: {},
    ...wanted
  };
  const work = pictureOf(all, new FactsOf(), new WeakMap(), before);
  let step = work.next();
  while (!step.done) {
    step = work.next();
  }
  return step.value;
}

const ids = ({ rows }: Picture) => rows.map(({ id }) => id);

/** A task for each value of a parameter. */
function valued(...values: unknown[]): Story {
  const story = new Story().task('run', null);
  values.forEach((value, at) =>
    story.task(`t${at}`, 'run', { title: `t ${at}`, metrics: {}, params: { x: value } })
  );
  return story;
}

const order = (story: Story, column: string, descending = false) =>
  pictureFor(story, { sort: { column, descending } })
    .rows.map(facts => facts.value(column))
    .map(value => value ?? null);

describe('order', () => {
  test('numbers stand as numbers, text as people count, and what is absent last in both ways', () => {
    const story = valued(10, null, 9, -1, 1e-7, 'fit 10', 'fit 9');
    expect(order(story, 'params.x')).toEqual([-1, 1e-7, 9, 10, 'fit 9', 'fit 10', null]);
    expect(order(story, 'params.x', true)).toEqual(['fit 10', 'fit 9', 10, 9, 1e-7, -1, null]);
  });

  test.each([
    ['fit', 'fit 9', 'fit 9 b', 'fit 10'],
    ['lr=-0.5', 'lr=3E-4', 'lr=1e-3', 'lr=.05', 'lr=0.15', 'lr=0.2', 'lr=10', 'lr=1.5e+2'],
    ['lr −1', 'lr 1e-3', 'lr 0.15', 'lr 0.2'],
    ['took 0.15s', 'took 0.2s', 'took 1.5s, at last'],
    ['a=1.5, b=9', 'a=2, b=0.15', 'a=2, b=0.2', 'a=10, b=0'],
    ['v1.9', 'v1.9.2', 'v1.10', 'v2'],
    ['app 1.9.3', 'app 1.9.10', 'app 1.10.0'],
    ['py3.9', 'py3.10'],
    ['run-1', 'run-2', 'run-10'],
    ['2025-12-31', '2026-01-05', '2026-01-31'],
    ['id 9', 'id 12345678901234567890', 'id 12345678901234567891'],
    ['x=-1e400', 'x=1e5', 'x=1e400']
  ])('text with numbers stands as people count: %s, …', (...titles) => {
    const story = new Story().task('run', null, { title: '~' });
    [...titles].reverse().forEach((title, at) => story.task(`t${at}`, 'run', { title }));
    const { rows } = pictureFor(story, { group: 'all', sort: { column: 'title', descending: false } });
    expect(rows.map(({ node }) => node.title)).toEqual([...titles, '~']);
  });

  test('infinities stand at the ends, and what is no number after all numbers', () => {
    const story = new Story().task('run', null);
    ['NaN', 1, 'Infinity', '-Infinity', -3, null].forEach((value, at) =>
      story.task(`t${at}`, 'run', { title: `t ${at}`, metrics: { loss: value } })
    );
    expect(order(story, 'metrics.loss')).toEqual([-Infinity, -3, 1, Infinity, NaN, null]);
    expect(order(story, 'metrics.loss', true)).toEqual([Infinity, 1, -3, -Infinity, NaN, null]);
  });

  test('what is equal stays in the order of the tree', () => {
    const { rows } = pictureFor(valued(1, 0, 1, 0));
    expect(sorted(rows, { column: 'params.x', descending: true }, null).map(({ id }) => id)).toEqual([
      't0',
      't2',
      't1',
      't3'
    ]);
  });

  test('what runs is timed to now', () => {
    const story = new Story().task('run', null);
    story.task('t1', 'run', { title: 't 1', status: 'running', params: { a: 1 } });
    story.task('t2', 'run', { title: 't 2', status: 'running' }).task('t2', 'run', { status: 'completed' });
    const sort = { column: 'duration', descending: true };
    expect(ids(pictureFor(story, { sort, now: story.now + 9_000_000 }))).toEqual(['t1', 't2']);
    expect(ids(pictureFor(story, { sort, now: null }))).toEqual(['t2', 't1']);
  });
});

describe('groups', () => {
  test('the largest that has something to compare is shown first; others, and all, can be chosen', () => {
    const story = gridSearch(30);
    for (let i = 0; i < 100; i += 1) {
      story.task(`log/${i}`, 'load', { title: `line ${i}`, status: 'completed' });
    }
    const picture = pictureFor(story);
    expect(picture.groups.map(({ name, count }) => [name, count])).toEqual([
      ['line', 100],
      ['fit', 30]
    ]);
    expect(picture.group?.name).toBe('fit');
    expect(ids(picture)).toHaveLength(30);
    expect(pictureFor(story, { group: picture.groups[0]!.key }).group?.name).toBe('line');
    const all = pictureFor(story, { group: 'all' });
    expect(ids(all)).toEqual([...story.tree.nodes()].map(node => node.node_id));
    expect(pictureFor(story, { group: 'gone' }).group?.name).toBe('fit');
  });

  test('rows are what is looked for; how many there are is known', () => {
    const { rows, total } = pictureFor(gridSearch(30), { query: parseQuery('fit 2') });
    expect([rows.length, total]).toEqual([11, 30]);
  });
});

describe('rows that have to stay', () => {
  test('keep their places; new ones come after them, and it is known that they are out of order', () => {
    const story = valued(3, 1, 2);
    const sort = { column: 'params.x', descending: false };
    const before = pictureFor(story, { sort });
    expect(ids(before)).toEqual(['t1', 't2', 't0']);
    story
      .node('t1', { params: { x: 9 } })
      .node('t2', null)
      .task('t8', 'run', { title: 't 8', params: { x: 0 } });
    const held = pictureFor(story, { sort }, before);
    expect(ids(held)).toEqual(['t1', 't2', 't0', 't8']);
    expect(held.rows[0]!.value('params.x')).toBe(9);
    expect(held.isOutOfOrder).toBe(true);
    const free = pictureFor(story, { sort });
    expect([ids(free), free.isOutOfOrder]).toEqual([['t8', 't0', 't1'], false]);
  });
});

describe('the best', () => {
  test.each([
    ['auc', 'higher'],
    ['val_accuracy', 'higher'],
    ['r2', 'higher'],
    ['loss', 'lower'],
    ['val.loss', 'lower'],
    ['valLoss', 'lower'],
    ['rmse', 'lower'],
    ['mean_fit_time', 'lower'],
    ['error_rate', 'lower'],
    ['latency_ms', 'lower'],
    ['neg_mean_squared_error', 'higher'],
    ['epoch', 'none'],
    ['n_samples', 'none'],
    ['glossiness', 'higher']
  ])('%s: %s', (name, better) => {
    expect(guess(`metrics.${name}`)).toBe(better);
  });

  test('is that of a task that did not fail, and none where all are the same', () => {
    const story = new Story().task('run', null);
    const task = (id: string, status: string, metrics: object) =>
      story.task(id, 'run', { title: `t ${id}`, status, metrics });
    task('1', 'completed', { auc: 0.8, loss: 0.3, same: 1 });
    task('2', 'completed', { auc: 0.9, loss: 'NaN', same: 1 });
    task('3', 'failed', { auc: 0.99, loss: 0.1, same: 1 });
    const { rows, best } = pictureFor(story);
    expect([...best]).toEqual([['metrics.auc', 0.9]]);
    task('4', 'running', { loss: 0.7 });
    expect(bestOf(pictureFor(story).rows, 'metrics.loss', 'lower')).toBe(0.3);
    expect(bestOf(rows, 'metrics.auc', 'lower')).toBe(0.8);
    expect(bestOf(rows, 'metrics.auc', 'none')).toBeNull();
    expect(pictureFor(story, { better: { 'metrics.loss': 'higher' } }).best.get('metrics.loss')).toBe(0.7);
  });
});

describe('columns', () => {
  test('are those of the frame, each once, and as shown: the task, what it was given, what came out, then the rest', () => {
    const { columns } = pictureFor(gridSearch(30));
    const shown = inOrder(columns).filter(column => isShown(column, {}));
    expect(shown.map(({ name }) => name)).toEqual([
      'status',
      'title',
      'params.max_depth',
      'params.min_samples',
      'metrics.auc',
      'metrics.loss',
      'duration',
      'agent',
      'attempt',
      'started_at',
      'ended_at',
      'error_message'
    ]);
    expect(inOrder(columns)).toHaveLength(columns.length);
    const chosen = { 'params.max_depth': false, node_id: true, status: false };
    const names = inOrder(columns)
      .filter(column => isShown(column, chosen))
      .map(({ name }) => name);
    expect(names).toContain('node_id');
    expect(names).toContain('status');
    expect(names).not.toContain('params.max_depth');
  });

  test('fill the room there is, and a title leaves room for others', () => {
    const columns = inOrder(pictureFor(gridSearch(30)).columns).slice(0, 4);
    const labels = columns.map(() => 'label');
    const wide = widthsOf(columns, labels, 1000);
    expect(wide.reduce((sum, each) => sum + each)).toBeGreaterThan(990);
    expect(wide.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(1000);
    expect(widthsOf(columns, labels, 220)[1]).toBeLessThanOrEqual(100);
  });
});

describe('what was kept of a choice', () => {
  test('is used where it is one', () => {
    expect(sortOf({ column: 'metrics.auc', descending: true })).toEqual({
      column: 'metrics.auc',
      descending: true
    });
    expect(choicesOf({ agent: false })).toEqual({ agent: false });
    expect(betterOf({ 'metrics.x': 'lower' })).toEqual({ 'metrics.x': 'lower' });
    expect(groupOf('2:fit')).toBe('2:fit');
  });

  test.each([undefined, null, 7, 'x', [1], { column: 1 }, { a: { b: 1 } }, JSON.parse('{"__proto__":true}')])(
    'and passed over where it isn’t: %j',
    kept => {
      expect(sortOf(kept)).toBeNull();
      expect(betterOf(kept)).toEqual({});
      expect('toString' in choicesOf(kept)).toBe(false);
      expect(choicesOf(kept).agent).toBeUndefined();
    }
  );

  test('the first order by a column is the one that is looked for', () => {
    expect(firstSort('metrics.auc', 'higher').descending).toBe(true);
    expect(firstSort('metrics.loss', 'lower').descending).toBe(false);
    expect(firstSort('duration', 'none').descending).toBe(true);
    expect(firstSort('title', 'none').descending).toBe(false);
  });
});
