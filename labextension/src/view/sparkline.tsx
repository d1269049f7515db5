import { createContext, useContext, useEffect, useSyncExternalStore } from 'react';
import type { Follow } from '../core/follow.js';
import type { TreeNode } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import type { Point } from '../core/series.js';
import { formatCount } from './format.js';
import { shortNumber } from './number.js';
import { useWords, type Words } from './words.js';

/** Who knows what the tasks of a view measured; null: nobody. */
export const SeriesContext = createContext<Pick<Follow, 'stream' | 'backfill'> | null>(null);

const WIDTH = 56;
const HEIGHT = 14;

const never = () => () => undefined;

/** A task's metric that changes, as small as a word. Nothing where there is none. */
export function RowSeries({ node }: { node: TreeNode }) {
  const words = useWords();
  const source = useContext(SeriesContext);
  const id = node.node_id;
  const hasMetrics = node.metrics !== undefined;
  const backfill = hasMetrics ? source?.backfill : undefined;
  useEffect(() => backfill?.want(id), [backfill, id]);
  const series = useSyncExternalStore(backfill?.notifier.subscribe ?? never, () =>
    source?.stream?.series.of(id)
  );
  const name = series?.shown ?? null;
  const points = name === null ? undefined : series?.metrics.get(name);
  if (!hasMetrics || name === null || !points || points.length < 2) {
    return null;
  }
  const label = seenLine(name);
  const last = shortNumber((points.at(-1) as Point).value);
  const isSaid = node.message?.includes(name) ?? false;
  return (
    <span className="tt-series">
      {isSaid ? null : (
        <span className="tt-series-value" aria-hidden="true">
          {label} {last}
        </span>
      )}
      <Sparkline points={points} label={seriesText(words, label, points)} />
    </span>
  );
}

/** `auc: 12 values from 0.5 to 0.94, the last 0.938` */
export function seriesText(words: Words, name: string, points: readonly Point[]): string {
  const range = rangeOf(points);
  const last = shortNumber(points.at(-1)?.value ?? NaN);
  return range === null
    ? words._n(
        '%2: %3 value, %4',
        '%2: %3 values, the last %4',
        points.length,
        name,
        formatCount(points.length),
        last
      )
    : words._n(
        '%2: %3 value, %6',
        '%2: %3 values from %4 to %5, the last %6',
        points.length,
        name,
        formatCount(points.length),
        shortNumber(range.low),
        shortNumber(range.high),
        last
      );
}

export interface Range {
  low: number;
  high: number;
}

/** Of what is finite; null where nothing is. */
export function rangeOf(points: readonly Point[]): Range | null {
  let [low, high] = [Infinity, -Infinity];
  for (const { value } of points) {
    if (Number.isFinite(value)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low <= high ? { low, high } : null;
}

function Sparkline({ points, label }: { points: readonly Point[]; label: string }) {
  const range = rangeOf(points);
  if (range === null) {
    return null;
  }
  const x = (index: number) => 1 + (index * (WIDTH - 4)) / (points.length - 1);
  const y = scaleOf(range, HEIGHT - 4);
  const runs = runsOf(
    points,
    (_, index) => x(index),
    value => 2 + y(value)
  );
  const last = (points.at(-1) as Point).value;
  return (
    <svg
      className="tt-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={label}
      focusable="false"
    >
      <title>{label}</title>
      {runs.map((run, index) => (
        <path key={index} d={run} className="tt-series-line" />
      ))}
      {Number.isFinite(last) ? (
        <circle cx={x(points.length - 1)} cy={2 + y(last)} r="1.6" className="tt-series-last" />
      ) : null}
    </svg>
  );
}

/** From a value to its distance from the top. A line that never moves lies in the middle. */
export function scaleOf({ low, high }: Range, height: number): (value: number) => number {
  // Halves first: the difference of two large numbers may be no number.
  const half = high / 2 - low / 2;
  return value => (half === 0 ? height / 2 : height - ((value / 2 - low / 2) / half) * height);
}

/** Paths of what is finite; what isn't is a gap. A value between two gaps is a dot. */
export function runsOf(
  points: readonly Point[],
  x: (point: Point, index: number) => number,
  y: (value: number) => number
): string[] {
  const runs: string[] = [];
  let path = '';
  let length = 0;
  const end = () => {
    if (length > 0) {
      runs.push(length === 1 ? `${path}h0.01` : path);
    }
    path = '';
    length = 0;
  };
  points.forEach((point, index) => {
    if (Number.isFinite(point.value)) {
      path += `${length === 0 ? 'M' : 'L'}${round(x(point, index))} ${round(y(point.value))}`;
      length += 1;
    } else {
      end();
    }
  });
  end();
  return runs;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
