import { useState } from 'react';
import { seenLine } from '../../core/seen.js';
import type { Point } from '../../core/series.js';
import { formatClock, formatCount } from '../format.js';
import { shortNumber } from '../number.js';
import { rangeOf, runsOf, scaleOf, seriesText } from '../sparkline.js';
import { useWords } from '../words.js';

export type Axis = 'time' | 'step';

interface Props {
  metric: string;
  points: readonly Point[];
  axis: Axis;
}

const WIDTH = 240;
const HEIGHT = 44;

/**
 * One metric over time or steps. A point is read by pointing at it, or with the arrow keys: to a screen reader it is a slider that goes
 * along the values.
 */
export function Plot({ metric, points, axis }: Props) {
  const words = useWords();
  const [at, setAt] = useState<number | null>(null);
  const name = seenLine(metric);
  const range = rangeOf(points);
  const placeOf = (point: Point, index: number) => (axis === 'step' ? (point.step ?? index) : point.time);
  const places = points.map(placeOf);
  const start = Math.min(...places);
  const long = Math.max(...places) - start;
  const x = (place: number) => (long === 0 ? WIDTH / 2 : ((place - start) / long) * WIDTH);
  const y = scaleOf(range ?? { low: 0, high: 0 }, HEIGHT);
  // The day only where it isn't the last value's: the details tell that one.
  const lastTime = points.at(-1)?.time ?? 0;
  const text = (place: number) =>
    axis === 'step' ? words.__('step %1', formatCount(place)) : formatClock(place, lastTime, true);
  const lastIndex = points.length - 1;
  const index = Math.min(at ?? lastIndex, lastIndex);
  const point = points[index] as Point;
  const said = words.__('%1 at %2', shortNumber(point.value), text(places[index] as number));
  const gaps = points.filter(({ value }) => !Number.isFinite(value)).length;
  const keys: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowDown: index - 1,
    ArrowUp: index + 1,
    PageDown: index - 10,
    PageUp: index + 10,
    Home: 0,
    End: lastIndex
  };
  const pointAt = (event: React.PointerEvent) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const wanted = start + ((event.clientX - left) / Math.max(width, 1)) * long;
    setAt(nearest(places, wanted));
  };
  return (
    <figure className="tt-plot">
      <figcaption className="tt-plot-head">
        <span className="tt-plot-name" title={name}>
          {name}
        </span>
        {at === null ? null : <span className="tt-plot-at">{text(places[index] as number)}</span>}
        <span className="tt-plot-value">{shortNumber(point.value)}</span>
      </figcaption>
      <div
        className="tt-plot-area"
        role="slider"
        tabIndex={0}
        aria-label={seriesText(words, name, points)}
        aria-valuemin={0}
        aria-valuemax={lastIndex}
        aria-valuenow={index}
        aria-valuetext={said}
        onPointerMove={pointAt}
        onPointerLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
        onKeyDown={event => {
          const to = keys[event.key];
          if (to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            event.stopPropagation();
            setAt(Math.min(Math.max(to, 0), lastIndex));
          }
        }}
      >
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          aria-hidden="true"
          focusable="false"
        >
          <path d={`M0 ${HEIGHT}H${WIDTH}M0 0H${WIDTH}`} className="tt-plot-grid" />
          {runsOf(points, (_, each) => x(places[each] as number), y).map((run, each) => (
            <path key={each} d={run} className="tt-series-line" />
          ))}
          {at === null ? null : (
            <path
              d={`M${x(places[index] as number)} 0V${HEIGHT}`}
              className={Number.isFinite(point.value) ? 'tt-plot-cursor' : 'tt-plot-cursor tt-plot-gap'}
            />
          )}
        </svg>
        {range === null ? null : (
          <>
            <span className="tt-plot-high" aria-hidden="true">
              {shortNumber(range.high)}
            </span>
            <span className="tt-plot-low" aria-hidden="true">
              {range.low === range.high ? '' : shortNumber(range.low)}
            </span>
          </>
        )}
      </div>
      <div className="tt-plot-foot" aria-hidden="true">
        <span>{text(start)}</span>
        {gaps > 0 ? (
          <span className="tt-warning">{words._n('%2 gap', '%2 gaps', gaps, formatCount(gaps))}</span>
        ) : null}
        <span>{text(start + long)}</span>
      </div>
    </figure>
  );
}

function nearest(places: readonly number[], wanted: number): number {
  let best = 0;
  places.forEach((place, index) => {
    if (Math.abs(place - wanted) < Math.abs((places[best] as number) - wanted)) {
      best = index;
    }
  });
  return best;
}
