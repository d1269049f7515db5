import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backfill } from '../../src/core/backfill.js';
import type { MeasuredPage } from '../../src/core/history.js';
import { KEPT_POINTS, SeriesStore, thinned, type Point } from '../../src/core/series.js';
import { EventStream } from '../../src/core/stream.js';
import { settle, World } from './world.js';

let offset = 0;

function report(nodeId: string, metrics: Record<string, unknown>, second = 0) {
  offset += 1;
  const timestamp = new Date(Date.UTC(2026, 0, 31, 14, 0, second)).toISOString();
  return {
    type: 'node_update',
    data: { node_id: nodeId, changes: { metrics } },
    timestamp,
    offset,
    at: offset
  };
}

const valuesOf = (store: SeriesStore, id: string, metric: string) =>
  store
    .of(id)
    ?.metrics.get(metric)
    ?.map(({ value }) => value);

describe('What passes by', () => {
  it('is kept by task and metric, the newest of each', () => {
    const store = new SeriesStore();
    for (let i = 0; i < KEPT_POINTS + 10; i += 1) {
      store.take(report('a', { loss: i, step: i }));
    }
    store.take(report('b', { loss: 'NaN' }));

    expect(valuesOf(store, 'a', 'loss')).toEqual(Array.from({ length: KEPT_POINTS }, (_, i) => i + 10));
    expect(store.of('a')?.metrics.get('loss')?.at(-1)?.step).toBe(KEPT_POINTS + 9);
    expect(valuesOf(store, 'b', 'loss')).toEqual([NaN]);
  });

  it('has a bound, in tasks and in metrics; who reported last is the last to go', () => {
    const store = new SeriesStore();
    store.take(report('first', { x: 1 }));
    for (let i = 0; i < 1_999; i += 1) {
      store.take(report(`n${i}`, { x: 1 }));
    }
    store.take(report('first', { x: 2 }));
    store.take(report('one more', Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`m${i}`, i]))));

    expect(store.size).toBe(2_000);
    expect(valuesOf(store, 'first', 'x')).toEqual([1, 2]);
    expect(store.of('n0')).toBeUndefined();
    expect(store.of('one more')?.metrics.size).toBeLessThanOrEqual(16);
  });

  it('shows a metric that changes, and stays with it while it is reported', () => {
    const store = new SeriesStore();
    store.take(report('a', { step: 1, rows: 7, loss: 3, auc: 0.5 }));
    expect(store.of('a')?.shown).toBeNull();
    store.take(report('a', { step: 2, rows: 7, loss: 2, auc: 0.6 }));
    expect(store.of('a')?.shown).toBe('loss');
    store.take(report('a', { auc: 0.7, loss: 1 }));
    expect(store.of('a')?.shown).toBe('loss');
    store.take(report('a', { auc: 0.8 }));
    expect(store.of('a')?.shown).toBe('auc');
  });

  it('is another object after each change, and not before', () => {
    const store = new SeriesStore();
    store.take(report('a', { x: 1 }));
    const before = store.of('a');
    store.take(report('b', { x: 1 }));
    expect(store.of('a')).toBe(before);
    store.take(report('a', { x: 2 }));
    expect(store.of('a')).not.toBe(before);
    expect(before?.metrics.get('x')).toHaveLength(1);
  });

  it('meets what the server has without a double', () => {
    const store = new SeriesStore();
    store.take(report('a', { x: 3 }, 3));
    const points = [1, 2, 3].map(second => ({
      time: Date.UTC(2026, 0, 31, 14, 0, second) * 1000,
      value: second,
      step: null
    }));
    store.fill('a', new Map([['x', points]]));
    expect(valuesOf(store, 'a', 'x')).toEqual([1, 2, 3]);
    expect(store.of('a')?.shown).toBe('x');
  });

  it.each([
    { type: 'own.kind' },
    { data: { node_id: 'a', changes: null } },
    { data: { node_id: 'a', changes: { metrics: [1] } } }
  ])('passes over what reports no metrics: %j', given => {
    const store = new SeriesStore();
    store.take({ ...report('a', { x: 1 }), ...given });
    expect(store.size).toBe(0);
  });
});

it('Thinning keeps order, ends, extremes, and that there was a gap', () => {
  const value = fc.oneof(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.constantFrom(NaN, Infinity));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 400 }), fc.integer({ min: 8, max: 60 }), (values, most) => {
      const points: Point[] = values.map((each, time) => ({ time, value: each, step: null }));
      const kept = thinned(points, most);
      const finite = (all: readonly Point[]) => all.map(each => each.value).filter(Number.isFinite);
      expect(kept.length).toBeLessThanOrEqual(most);
      expect(points.filter(each => kept.includes(each))).toEqual(kept);
      expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)]);
      expect(Math.min(...finite(kept))).toBe(Math.min(...finite(points)));
      expect(Math.max(...finite(kept))).toBe(Math.max(...finite(points)));
      expect(finite(kept).length < kept.length).toBe(finite(points).length < points.length);
    })
  );
});

it('A single spike among thousands stays, up or down', () => {
  for (const spike of [99, -99]) {
    const points: Point[] = Array.from({ length: 5_000 }, (_, time) => ({
      time,
      value: time === 701 ? spike : 0.5,
      step: null
    }));
    expect(thinned(points, 50)).toContain(points[701]);
  }
});

describe('What rows in sight ask for', () => {
  const world = () => {
    const stream = new EventStream();
    const environment = new World();
    const asked: (readonly string[])[] = [];
    let fails = false;
    const history = {
      eventsBefore: () => Promise.reject(new Error('not asked')),
      seriesOf: (_: string, ids: readonly string[]): Promise<MeasuredPage> => {
        asked.push(ids);
        const points = [1, 2].map(time => ({ time, value: time, step: null }));
        const series = ids.filter(id => id !== 'none').map(nodeId => ({ nodeId, metric: 'x', points }));
        return fails
          ? Promise.reject(new Error('away'))
          : Promise.resolve({ epoch: 'e', next: null, series });
      }
    };
    const backfill = new Backfill(environment, 'p', stream, history);
    return { stream, environment, asked, backfill, fail: (so: boolean) => (fails = so) };
  };

  it('is one question for all of them, once each', async () => {
    const { stream, environment, asked, backfill } = world();
    const leave = backfill.want('passing');
    ['a', 'b', 'none', 'a'].forEach(id => backfill.want(id));
    leave();
    environment.pass(300);
    await settle();

    expect(asked).toEqual([['a', 'b', 'none']]);
    expect(valuesOf(stream.series, 'a', 'x')).toEqual([1, 2]);
    backfill.want('none');
    environment.pass(60_000);
    await settle();
    expect(asked).toHaveLength(1);
  });

  it('comes again when the stream broke, and after a while when the server was away', async () => {
    const { stream, environment, asked, backfill, fail } = world();
    fail(true);
    backfill.want('a');
    environment.pass(300);
    await settle();
    fail(false);
    environment.pass(9_000);
    await settle();
    expect(asked).toHaveLength(1);
    environment.pass(2_000);
    await settle();
    expect(asked).toHaveLength(2);
    stream.broke();
    expect(stream.series.of('a')).toBeUndefined();
    environment.pass(300);
    await settle();
    expect(asked).toHaveLength(3);
    expect(valuesOf(stream.series, 'a', 'x')).toEqual([1, 2]);
    backfill.dispose();
    environment.pass(1_000);
    expect(environment.pending).toBe(0);
  });
});
