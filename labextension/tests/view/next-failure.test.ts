// `n` goes down the rows from failure to failure, wherever it begins, and `N` up.
import { describe, expect, test } from 'vitest';
import { StaticTree } from '../../src/core/static-tree.js';
import { parseQuery } from '../../src/core/query.js';
import type { TreeReader } from '../../src/core/reader.js';
import { ViewMemory } from '../../src/view/memory.js';
import { Expansion, FOUND_ROWS } from '../../src/view/tree/expansion.js';
import { nextFailure } from '../../src/view/tree/failures.js';
import { foundRows } from '../../src/view/tree/found.js';
import { Matching } from '../../src/view/tree/matching.js';
import type { Row, Rows } from '../../src/view/tree/rows.js';
import { visibleRows } from '../../src/view/tree/visible.js';
import { Story } from './story.js';

const rowsOf = (tree: TreeReader, roots: readonly string[]): Rows =>
  visibleRows({
    ...{ tree, roots, withOmittedRoots: roots === tree.roots, keep: new Set<string>(), isCalm: false },
    ...{ expansion: new Expansion(new ViewMemory(null), FOUND_ROWS), arranged: new Map() }
  });

const listed = (rows: Rows) => Array.from({ length: rows.length }, (_, index) => rows.at(index) as Row);

/** From each row to the next failure below it, and to the one above, as the rows stand. */
function expectInOrder(tree: TreeReader, roots: readonly string[], rows: Rows, isFound?: Matching): void {
  const all = listed(rows);
  const isFailure = (row: Row) =>
    row.kind === 'node' && tree.node(row.id)?.status === 'failed' && tree.children(row.id).length === 0;
  const places = all.flatMap((row, index) => (isFailure(row) ? [index] : []));
  const idAt = (index: number | undefined) => (index === undefined ? null : all[index]?.key);
  const shows = isFound && ((id: string) => isFound.shows(id));
  const told = all.map((row, index) => [
    row.key,
    nextFailure(tree, roots, rows, index, false, shows),
    nextFailure(tree, roots, rows, index, true, shows)
  ]);
  expect(told).toEqual(
    all.map((row, index) => [
      row.key,
      idAt(places.find(place => place > index) ?? places[0]),
      idAt(places.filter(place => place < index).at(-1) ?? places.at(-1))
    ])
  );
}

const statusAt = (i: number, failed: number[]) => (failed.includes(i) ? 'failed' : 'completed');

/** Groups beside others, some of them large, and with tasks in tasks. */
function mixed(others: number): Story {
  const story = new Story().task('run', null, { status: 'running' });
  for (let i = 0; i < 24; i += 1) {
    story.task(`load/${i}`, 'run', { title: `load ${i}`, status: statusAt(i, [3, 20]) });
    story.task(`fit/${i}`, 'run', { title: `fit ${i}`, status: statusAt(i, [1]) });
    if (i < others) {
      story.task(`${String.fromCharCode(97 + i)}xx`, 'run', { status: statusAt(i, [2, 5]) });
    }
  }
  for (const part of ['p', 'q']) {
    story.task(part, 'run', { status: 'failed' });
    for (let i = 0; i < 40; i += 1) {
      story.task(`${part}/${i}`, part, { title: `step ${i}`, status: statusAt(i, [9]) });
      if (i === 9) {
        story.task(`${part}/${i}/a`, `${part}/${i}`, { status: 'failed' });
      }
    }
  }
  return story;
}

describe('the next failure', () => {
  test.each([6, 22])('stands below the row, whatever row that is, beside %i others', others => {
    const { tree } = mixed(others);
    const rows = rowsOf(tree, ['run']);
    const kinds = new Set(listed(rows).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['group', 'node', 'rest']);
    expectInOrder(tree, ['run'], rows);
  });

  test('is, from the line that stands for the rest, the first one in it', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 60; i += 1) {
      story.task(`fit/${i}`, 'run', { title: `fit ${i}`, status: i < 20 ? 'failed' : 'completed' });
    }
    const rows = rowsOf(story.tree, ['run']);
    const last = rows.length - 1;
    expect(rows.at(last)).toMatchObject({ kind: 'rest', counts: { failed: 6 } });
    expect(nextFailure(story.tree, ['run'], rows, last, false)).toBe('fit/14');
    expect(nextFailure(story.tree, ['run'], rows, last, true)).toBe('fit/13');
  });

  test('is in another run, where many are shown', () => {
    const story = new Story();
    for (let i = 0; i < 24; i += 1) {
      story.task(`load/${i}`, null, { title: `load ${i}`, status: statusAt(i, [3, 20]) });
      story.task(`fit/${i}`, null, { title: `fit ${i}`, status: statusAt(i, [1]) });
    }
    const { tree } = story;
    expectInOrder(tree, tree.roots, rowsOf(tree, tree.roots));
  });

  test('comes after what a stored tree left out', () => {
    const rollup = (failures: number) => ({
      leaves: 1,
      total: 1,
      done: 0,
      progress: 0,
      failures,
      counts: {}
    });
    const node = (node_id: string, parent_id?: string, status = 'completed') => ({
      ...{ node_id, title: node_id, status, rollup: rollup(parent_id === undefined ? 2 : 1) },
      ...(parent_id === undefined ? {} : { parent_id })
    });
    const nodes = [
      node('run'),
      ...['a', 'b'].flatMap(id => [node(id, 'run'), node(`${id}/1`, id, 'failed')])
    ];
    const left = { count: 4, counts: { completed: 4 } };
    const tree = new StaticTree({ offset: 1, at: 1, nodes: nodes as never, omitted: { a: left, b: left } });
    const rows = rowsOf(tree, ['run']);
    expect(listed(rows).filter(({ kind }) => kind === 'omitted')).toHaveLength(2);
    expectInOrder(tree, ['run'], rows);
  });

  test('is that of what is looked for, which stands without groups', () => {
    const { tree } = mixed(22);
    const matching = new Matching(tree, ['run'], parseQuery('status:failed')!, () => 0);
    const rows = foundRows({
      ...{ tree, roots: ['run'], matching, keep: new Set<string>() },
      expansion: new Expansion(new ViewMemory(null), FOUND_ROWS)
    });
    expectInOrder(tree, ['run'], rows, matching);
  });
});
