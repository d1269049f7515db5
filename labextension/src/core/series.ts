/** What tasks measured, one value after the other: the newest of many tasks, in a bounded memory. */
import type { TreeEvent } from './envelope.js';
import { isObject } from './json.js';
import { parseTime } from './times.js';

export interface Point {
  /** Microseconds since 1970, by the emitter's clock. */
  readonly time: number;
  /** NaN too where the metric was taken away. */
  readonly value: number;
  /** What the emitter counts by: what it told as `step`, `global_step`, `iteration` or `epoch` with it. */
  readonly step: number | null;
}

/** A task's metrics, each oldest first. Another object after every change. */
export interface NodeSeries {
  readonly metrics: ReadonlyMap<string, readonly Point[]>;
  /** The metric that is worth a look: one that changes, and stays the same one while it is reported. */
  readonly shown: string | null;
}

export const KEPT_POINTS = 64;
const KEPT_NODES = 2_000;
const KEPT_METRICS = 16;
const STEPS: readonly string[] = ['step', 'global_step', 'iteration', 'epoch'];

export class SeriesStore {
  private readonly kept = new Map<string, NodeSeries>();

  /** How many tasks are kept. */
  get size(): number {
    return this.kept.size;
  }

  of(nodeId: string): NodeSeries | undefined {
    return this.kept.get(nodeId);
  }

  /** Nothing of what is known goes on from here. */
  forget(): void {
    this.kept.clear();
  }

  /** An event as it passes. */
  take(event: TreeEvent): void {
    const reported = reportedBy(event);
    if (!reported) {
      return;
    }
    const { nodeId, values } = reported;
    const before = this.kept.get(nodeId);
    const metrics = new Map(before?.metrics);
    for (const [name, point] of values) {
      const points = metrics.get(name);
      if (points) {
        metrics.set(name, [...points.slice(points.length < KEPT_POINTS ? 0 : 1), point]);
      } else if (metrics.size < KEPT_METRICS) {
        metrics.set(name, [point]);
      }
    }
    this.keep(nodeId, metrics, shownOf(metrics, new Set(values.keys()), before?.shown ?? null));
  }

  /** What the server has of a task: what is known already is newer, and stays. */
  fill(nodeId: string, earlier: ReadonlyMap<string, readonly Point[]>): void {
    const before = this.kept.get(nodeId);
    const metrics = new Map<string, readonly Point[]>();
    for (const [name, points] of earlier) {
      const newer = before?.metrics.get(name) ?? [];
      const from = newer[0]?.time ?? Infinity;
      metrics.set(name, [...points.filter(({ time }) => time < from), ...newer].slice(-KEPT_POINTS));
    }
    for (const [name, points] of before?.metrics ?? []) {
      if (!metrics.has(name)) {
        metrics.set(name, points);
      }
    }
    for (const name of [...metrics.keys()].slice(KEPT_METRICS)) {
      metrics.delete(name);
    }
    this.keep(nodeId, metrics, shownOf(metrics, new Set(metrics.keys()), before?.shown ?? null));
  }

  private keep(nodeId: string, metrics: ReadonlyMap<string, readonly Point[]>, shown: string | null): void {
    // The last one to change is the last to be forgotten.
    this.kept.delete(nodeId);
    this.kept.set(nodeId, { metrics, shown });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT_NODES) {
        break;
      }
      this.kept.delete(oldest);
    }
  }
}

/** What one event says of a task's metrics. */
export function reportedBy(event: TreeEvent): { nodeId: string; values: Map<string, Point> } | null {
  const { node_id: nodeId, changes } = event.data;
  if (event.type !== 'node_update' || typeof nodeId !== 'string' || !isObject(changes)) {
    return null;
  }
  const { metrics } = changes;
  if (!isObject(metrics)) {
    return null;
  }
  const time = parseTime(event.timestamp) ?? event.at;
  const step = STEPS.map(name => metrics[name]).find(value => typeof value === 'number') ?? null;
  const values = new Map(Object.entries(metrics).map(([name, value]) => [name, pointOf(time, value, step)]));
  return { nodeId, values };
}

export function pointOf(time: number, value: unknown, step: unknown): Point {
  return { time, value: numberOf(value), step: typeof step === 'number' ? step : null };
}

/** A metric as the wire has it. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') {
    return value;
  }
  return value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : NaN;
}

function shownOf(
  metrics: ReadonlyMap<string, readonly Point[]>,
  reported: ReadonlySet<string>,
  before: string | null
): string | null {
  if (before !== null && reported.has(before) && changes(metrics.get(before))) {
    return before;
  }
  for (const name of reported) {
    if (!STEPS.includes(name) && changes(metrics.get(name))) {
      return name;
    }
  }
  return before;
}

function changes(points: readonly Point[] | undefined): boolean {
  const first = points?.[0]?.value;
  return points?.some(({ value }) => !Object.is(value, first)) ?? false;
}

/**
 * At most `most` (8 or more) of the points, in their order: the first, the last, and of each stretch between them the lowest, the
 * highest and one that is no finite number. So no spike and no gap is lost. `core/series.py` does the same on the server.
 */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) {
    return points;
  }
  const inner = points.length - 2;
  const stretches = Math.floor((most - 2) / 3);
  const kept = [points[0] as Point];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const start = 1 + Math.floor((inner * stretch) / stretches);
    const end = 1 + Math.floor((inner * (stretch + 1)) / stretches);
    for (const index of telling(points, start, end)) {
      kept.push(points[index] as Point);
    }
  }
  kept.push(points.at(-1) as Point);
  return kept;
}

function telling(points: readonly Point[], start: number, end: number): number[] {
  let [low, high, odd] = [-1, -1, -1];
  const valueAt = (index: number) => (points[index] as Point).value;
  for (let index = start; index < end; index++) {
    const value = valueAt(index);
    if (!Number.isFinite(value)) {
      odd = index;
      continue;
    }
    low = low < 0 || value < valueAt(low) ? index : low;
    high = high < 0 || value > valueAt(high) ? index : high;
  }
  return [...new Set([low, high, odd])].filter(index => index >= 0).sort((a, b) => a - b);
}
