// What a table copies is what `run.to_frame()` has: tests/client/test_frame_vectors.py reads the same files with pandas.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TaskTree } from '../../src/core/tree.js';
import { csvOf } from '../../src/view/table/csv.js';
import { FactsOf } from '../../src/view/table/facts.js';
import { ALL_TASKS, pictureOf, type Picture } from '../../src/view/table/picture.js';
import type { Work } from '../../src/view/slices.js';
import { Story } from './story.js';

const folder = join(import.meta.dirname, '../../../tests/vectors/tables');

interface Table {
  events: object[];
  roots: string[];
  csv: string[];
}

function whole<T>(work: Work<T>): T {
  let step = work.next();
  while (!step.done) {
    step = work.next();
  }
  return step.value;
}

function picture(tree: TaskTree, roots: readonly string[]): Picture {
  const wanted = { tree, roots, now: null, group: ALL_TASKS, query: null, sort: null, better: {} };
  return whole(pictureOf(wanted, new FactsOf(), new WeakMap(), null));
}

function csv(tree: TaskTree, roots: readonly string[], columns?: string[]): string {
  const { rows, columns: all } = picture(tree, roots);
  return whole(csvOf(rows, columns ?? all.map(({ name }) => name)));
}

describe('the CSV of all tasks and columns', () => {
  test.each(readdirSync(folder))('has the rows and values of the frame: %s', file => {
    const table = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Table;
    const tree = new TaskTree();
    table.events.forEach(event => tree.apply(event));
    expect(csv(tree, table.roots).split('\r\n')).toEqual([...table.csv, '']);
  });
});

describe('a CSV field', () => {
  const titled = (title: string) => {
    const story = new Story().task('t', null, { title, params: { p: title } });
    return csv(story.tree, ['t'], ['title']).split('\r\n').slice(1, -1).join('\r\n');
  };

  test.each([
    '=1+1',
    '+cmd|x',
    '@SUM(A1)',
    '-2+3',
    ' =1+1',
    '"=1+1',
    '＝1+1',
    '＋1+A1',
    '－1+A1',
    '＠SUM(A1)',
    '\t=1',
    '\tx',
    '\rx',
    '\nx',
    '=HYPERLINK("http://x","y")'
  ])('can’t be a formula: %j', text => {
    expect(titled(text)).toMatch(/^"?'/);
  });

  // Whoever splits at tabs or semicolons finds the quotes around a text in the middle of a cell, and passes over them.
  test.each([
    ['x\t=HYPERLINK("http://e")', '"x\t\'=HYPERLINK(""http://e"")"'],
    ['a;=1+1', '"a;\'=1+1"'],
    ['a;"=1+1', '"a;\'""=1+1"'],
    ['a\n=1+1', '"a\n\'=1+1"'],
    ['a\r\n＝1+1', '"a\r\n\'＝1+1"'],
    ['a, @SUM(A1)', '"a,\' @SUM(A1)"'],
    ['a;-2+3;-4', '"a;\'-2+3;-4"']
  ])('can’t become one where a spreadsheet splits it: %j', (text, field) => {
    expect(titled(text)).toBe(field);
  });

  test.each(['-1', '+0.5', '-1e-7', '.5', 'a=1', 'fit 1', 'lr=-1', 'a - b'])(
    'is as it was otherwise: %j',
    text => {
      expect(titled(text)).toBe(text);
    }
  );

  test('is quoted where it has to be, and only there', () => {
    expect(titled('a,b')).toBe('"a,b"');
    expect(titled('say "x"')).toBe('"say ""x"""');
    expect(titled('two\nlines')).toBe('"two\nlines"');
    expect(titled('a;b')).toBe('"a;b"');
    expect(titled('a\tb')).toBe('"a\tb"');
    expect(titled('a b')).toBe('a b');
  });

  test('of a list is that list', () => {
    const story = new Story().task('t', null, {
      params: {
        p: [
          [-1, 2],
          [3, -1e-7]
        ],
        args: ['-v', '-x']
      }
    });
    expect(csv(story.tree, ['t'], ['params.p', 'params.args'])).toBe(
      'params.p,params.args\r\n"[[-1,2],[3,-1e-7]]","[""-v"",""-x""]"\r\n'
    );
  });
});
