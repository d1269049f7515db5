// The model of the status grid: which cells there are, where, and what of them is drawn.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bundleOf } from '../../src/core/compact.js';
import type { TreeReader } from '../../src/core/reader.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { parseQuery } from '../../src/core/query.js';
import {
  cellsOf,
  isDimmed,
  lookOf,
  nextFailure,
  NO_CELLS,
  summed,
  type Cells,
  type Look,
  LOOKS
} from '../../src/view/grid/cells.js';
import { cellAt, cornerOf, layoutOf, type Layout } from '../../src/view/grid/layout.js';
import { Painter, type Colours } from '../../src/view/grid/painter.js';
import { NONE, stalenessOf } from '../../src/view/staleness.js';
import { gridSearch, Story } from './story.js';
import { runs } from '../seeded.js';

function cells(tree: TreeReader, more: { query?: string; before?: Cells; stale?: string[] } = {}): Cells {
  const stale = more.stale ? stalenessOf(tree, new Map(more.stale.map(id => [id, 1]))) : NONE;
  const query = parseQuery(more.query ?? '');
  const work = cellsOf(
    { tree, roots: tree.roots, withOmittedRoots: false, stale, query },
    more.before ?? NO_CELLS
  );
  let step = work.next();
  while (!step.done) {
    step = work.next();
  }
  return step.value;
}

const looks = ({ codes }: Cells) => [...codes].map(lookOf);

describe('cells', () => {
  test('are the leaves in the order of the tree, by their status', () => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('a', 'run', { status: 'running' }).task('a/1', 'a', { status: 'failed' });
    story.task('b', 'run', { status: 'completed' }).task('a/2', 'a', { status: 'running' });
    const all = cells(story.tree, { stale: ['a/2'] });
    expect(all.ids).toEqual(['a/1', 'a/2', 'b']);
    expect(looks(all)).toEqual(['failed', 'stale', 'completed']);
  });

  test('are as many as the header counts: what a group expects has its place before it is there', () => {
    const { tree } = gridSearch(40);
    const all = cells(tree);
    expect(all.codes).toHaveLength(tree.rollup('run').total);
    const from = all.ids.indexOf('fit/39');
    expect(looks(all).slice(from, from + 22)).toEqual([
      'running',
      ...Array<Look>(20).fill('expected'),
      'ready'
    ]);
  });

  test('an ended group expects no more, and no task can make the picture endless', () => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('a', 'run', { status: 'completed', expected: 50 }).task('a/1', 'a', { status: 'completed' });
    expect(looks(cells(story.tree))).toEqual(['completed']);
    story.task('b', 'run', { expected: Number.MAX_SAFE_INTEGER });
    expect(cells(story.tree).codes.length).toBeLessThanOrEqual(250_000);
  });

  test('of what a stored tree left out are there, with nothing to go to', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 900; i += 1) {
      story.task(`t${i}`, 'run', { status: i === 500 ? 'failed' : 'completed' });
    }
    const origin = { projectId: null, missionId: 'run', title: 'x', epoch: null, follow: false };
    const all = cells(new StaticTree(bundleOf(story.tree, origin, 20_000)));
    expect(all.codes).toHaveLength(900);
    expect(looks(all).filter(look => look === 'completed')).toHaveLength(899);
    expect(all.ids).toContain('t500');
    expect(all.ids.filter(id => id === null).length).toBeGreaterThan(100);
  });

  test('are in a stored tree as many as the header counts: what was left out isn’t expected besides', () => {
    const story = new Story().task('run', null, { status: 'running', expected: 1000 });
    for (let i = 0; i < 600; i += 1) {
      story.task(`t${i}`, 'run', { status: 'completed' });
    }
    story.task('last', 'run', { status: 'ready', expected: 30 }).task('last/1', 'last', { status: 'ready' });
    const origin = { projectId: null, missionId: 'run', title: 'x', epoch: null, follow: false };
    const counted = (bytes: number) => {
      const tree = new StaticTree(bundleOf(story.tree, origin, bytes));
      expect(tree.omitted('run')).not.toBeNull();
      const all = looks(cells(tree));
      expect(all).toHaveLength(tree.rollup('run').total);
      return LOOKS.map(look => all.filter(each => each === look).length).filter(Boolean);
    };
    expect(counted(20_000)).toEqual([600, 1, 399]);
    // Nobody but the roll-up knows any more what a group that was left out expects.
    story.node('run', { expected: null });
    expect(counted(20_000)).toEqual([600, 1, 29]);
  });

  test('that aren’t looked for are dimmed; a task that didn’t change isn’t looked at again', () => {
    const story = gridSearch(40);
    const first = cells(story.tree, { query: 'fit 1' });
    const meant = first.ids.filter((_, at) => !isDimmed(first.codes[at] ?? 0));
    expect(meant).toEqual(['fit/1', ...Array.from({ length: 10 }, (_, i) => `fit/${i + 10}`)]);
    story.node('fit/1', { title: 'other' });
    let looked = 0;
    const query = { ...parseQuery('fit 1')!, matches: () => (looked += 1) > 99 };
    const before = { ...first, query };
    const work = cellsOf(
      { tree: story.tree, roots: story.tree.roots, withOmittedRoots: false, stale: NONE, query },
      before
    );
    expect(work.next().done).toBe(true);
    expect(looked).toBe(1);
  });

  test('that stand for several tasks show the most urgent of what is looked for, else what is most', () => {
    const code = (look: Look, dim = false) => LOOKS.indexOf(look) + (dim ? 16 : 0);
    const all = Uint8Array.from([
      code('completed'),
      code('failed'),
      code('completed'),
      code('completed'),
      code('ready'),
      code('ready'),
      code('failed', true),
      code('completed'),
      code('ready', true),
      code('running')
    ]);
    const shown = summed(all, 3);
    expect([...shown].map(lookOf)).toEqual(['failed', 'ready', 'completed', 'running']);
    expect(isDimmed(summed(Uint8Array.of(code('failed', true), code('ready', true)), 2)[0] ?? 0)).toBe(true);
    expect(summed(all, 1)).toBe(all);
  });

  test('that stand for several show as large a share of failures as there is, but never miss one of a few', () => {
    const run = (failed: (at: number) => boolean) =>
      Uint8Array.from({ length: 4000 }, (_, at) => LOOKS.indexOf(failed(at) ? 'failed' : 'completed'));
    const share = (codes: Uint8Array) =>
      [...codes].filter(each => lookOf(each) === 'failed').length / codes.length;
    for (const each of [2, 3, 10]) {
      expect(
        share(
          summed(
            run(at => (at * 7) % 18 < 7),
            each
          )
        )
      ).toBeCloseTo(7 / 18, 2);
      expect(
        share(
          summed(
            run(() => true),
            each
          )
        )
      ).toBe(1);
      const few = summed(
        run(at => at % 1000 === 500),
        each
      );
      expect(share(few) * few.length).toBe(4);
    }
  });

  test('the next failure is found in both ways and round the end', () => {
    const { tree } = gridSearch(40);
    const all = cells(tree);
    const [one, other] = [all.ids.indexOf('fit/26'), all.ids.indexOf('fit/34')];
    expect([nextFailure(all.codes, 0, 1), nextFailure(all.codes, one, 1)]).toEqual([one, other]);
    expect([nextFailure(all.codes, other, 1), nextFailure(all.codes, one, -1)]).toEqual([one, other]);
    expect(nextFailure(Uint8Array.of(4, 4), 0, 1)).toBe(-1);
  });
});

describe('the layout', () => {
  test('shows 10 000 tasks one by one in a tab, and keeps within its height whatever there are', () => {
    const tab = layoutOf(9840, 960, 176, 1);
    expect(tab.each).toBe(1);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200_000 }),
        fc.integer({ min: 150, max: 2000 }),
        fc.constantFrom(48, 132, 176),
        fc.constantFrom(1, 1.25, 1.5, 2, 3),
        (count, width, height, ratio) => {
          const layout = layoutOf(count, width, height, ratio);
          expect(layout.width / ratio).toBeLessThanOrEqual(width);
          expect(layout.height / ratio).toBeLessThanOrEqual(height);
          expect(layout.columns * layout.rows * layout.each).toBeGreaterThanOrEqual(count);
          expect(layout.size).toBeGreaterThan(0);
          for (const side of [layout.pitch, layout.size, layout.width, layout.height]) {
            expect(Number.isInteger(side)).toBe(true);
          }
          const last = Math.ceil(count / layout.each) - 1;
          for (const cell of [0, Math.floor(last / 2), last]) {
            const { x, y } = cornerOf(layout, cell);
            expect(cellAt(layout, count, (x + 0.5) / ratio, (y + 0.5) / ratio)).toBe(cell);
          }
          expect(cellAt(layout, count, -1, 0)).toBe(-1);
        }
      )
    );
  });
});

/** A canvas of colours by pixel, as far as cells are drawn on one. */
class Sheet {
  width = 0;
  height = 0;
  fillStyle = '';
  globalAlpha = 1;
  drawn = 0;
  private pixels = new Map<number, string>();

  getContext = () => this as never;

  fillRect(x: number, y: number, width: number, height: number): void {
    this.drawn += 1;
    this.each(x, y, width, height, at => this.pixels.set(at, `${this.fillStyle} ${this.globalAlpha}`));
  }

  clearRect(x: number, y: number, width: number, height: number): void {
    this.each(x, y, width, height, at => this.pixels.delete(at));
  }

  /** Which pixels of the first cell have a colour. */
  shape({ margin, pitch }: Layout): string {
    const cell: boolean[] = [];
    this.each(margin, margin, pitch, pitch, at => cell.push(this.pixels.has(at)));
    return cell.map(Number).join('');
  }

  /** How many pixels have this colour. */
  count(colour: string): number {
    return [...this.pixels.values()].filter(each => each === `${colour} 1`).length;
  }

  picture(): string {
    return JSON.stringify([...this.pixels].sort(([a], [b]) => a - b));
  }

  private each(x: number, y: number, width: number, height: number, act: (at: number) => void): void {
    for (let row = y; row < y + height; row += 1) {
      for (let column = x; column < x + width; column += 1) {
        act(row * 10_000 + column);
      }
    }
  }
}

describe('the painter', () => {
  const colours = Object.fromEntries([...LOOKS, 'ring'].map(look => [look, look])) as Colours;
  const code = fc.integer({ min: 0, max: LOOKS.length - 1 }).chain(at => fc.constantFrom(at, at, at + 16));

  test('draws what changed as if it had drawn all anew: rings leave nothing behind', () => {
    fc.assert(
      fc.property(
        fc.array(code, { minLength: 60, maxLength: 90 }),
        fc.array(fc.tuple(fc.nat(), code), { maxLength: 12 }),
        (codes, changes) => {
          const layout = layoutOf(codes.length, 60, 60, 1);
          const [sheet, fresh] = [new Sheet(), new Sheet()];
          const painter = new Painter(sheet as never);
          painter.paint(Uint8Array.from(codes), layout, colours);
          const next = Uint8Array.from(codes);
          changes.forEach(([at, to]) => (next[at % next.length] = to));
          painter.paint(next, layout, colours);
          new Painter(fresh as never).paint(next, layout, colours);
          expect(sheet.picture()).toBe(fresh.picture());
        }
      ),
      { numRuns: runs(60) }
    );
  });

  test('draws of 10 000 cells only those that changed, and nothing where nothing did', () => {
    const sheet = new Sheet();
    const painter = new Painter(sheet as never);
    const codes = new Uint8Array(10_000).fill(LOOKS.indexOf('completed'));
    const layout = layoutOf(codes.length, 960, 176, 1);
    expect(painter.paint(codes, layout, colours)).toBe(10_000);
    const next = codes.slice();
    next.set([0, 2], 500);
    sheet.drawn = 0;
    expect(painter.paint(next, { ...layout }, colours)).toBe(2);
    expect(sheet.drawn).toBeLessThan(60);
    sheet.drawn = 0;
    painter.paint(next.slice(), layout, colours);
    expect(sheet.drawn).toBe(0);
    expect(painter.paint(next, layout, { ...colours })).toBe(10_000);
  });

  const at = (look: Look) => LOOKS.indexOf(look);
  const size = (pitch: number) => ({ ...layoutOf(1, 60, 60, 1), pitch, size: pitch - 1 });
  const drawn = (codes: number[], layout: Layout) => {
    const sheet = new Sheet();
    new Painter(sheet as never).paint(Uint8Array.from(codes), layout, colours);
    return sheet;
  };

  test.each([3, 4, 5, 6, 8, 10])('gives each look a shape of its own, at %i pixels a cell', pitch => {
    // What nobody has begun is alike in the smallest ones, and so is what somebody works on, and what came to nothing.
    const groups =
      pitch > 4
        ? LOOKS.filter(look => look !== 'draft')
        : (['failed', 'stale', 'running', 'completed', 'skipped', 'ready'] as const);
    const few = Array<number>(3).fill(at('failed'));
    const shapes = groups.map(look => drawn([at(look), ...few], size(pitch)).shape(size(pitch)));
    expect(new Set(shapes).size).toBe(groups.length);
  });

  test('rings what failed where it would be missed, and nothing where much failed or stands together', () => {
    const ring = (codes: number[]) => drawn(codes, layoutOf(codes.length, 100, 100, 1)).count('ring');
    const codes = (failed: number[]) =>
      Array.from({ length: 400 }, (_, cell) => at(failed.includes(cell) ? 'failed' : 'completed'));
    const one = ring(codes([90]));
    expect(one).toBeGreaterThan(0);
    expect(ring(codes([90, 190]))).toBe(2 * one);
    expect(ring(codes(Array.from({ length: 30 }, (_, i) => i * 12)))).toBe(0);
    const { columns } = layoutOf(400, 100, 100, 1);
    expect(ring(codes([90, 91, 90 + columns, 91 + columns]))).toBe(0);
  });
});
