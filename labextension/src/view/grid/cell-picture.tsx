import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { PartProps } from '../part.js';
import { formatCount } from '../format.js';
import { statusCount } from '../status.js';
import { useWords } from '../words.js';
import { CellTip, useCellText } from './cell-tip.js';
import { isFailure, LOOKS, nextFailure, summed, type Cells } from './cells.js';
import { areEqual, coloursOf, watchColours } from './colours.js';
import { cellAt, cornerOf, layoutOf, type Layout } from './layout.js';
import { Painter, type Colours } from './painter.js';
import { usePixelRatio, useSize } from '../size.js';

/** CSS pixels: what a picture may take of an output under a cell, and of a view that has its own height. */
const HEIGHT = { inline: 132, fill: 176 };
const SHARE = 0.3;
const LEAST = 48;
/** Before anything is measured, and where nothing is. */
const FIRST_WIDTH = 640;
const ROWS_OF_A_PAGE = 10;

type Props = Pick<PartProps, 'tree' | 'now' | 'ticks' | 'onReveal' | 'layout'> & {
  cells: Cells;
  /** What can be done about the picture itself. */
  tools: React.ReactNode;
};

/** Cells on a canvas, with a keyboard and a voice. */
export function CellPicture({ tree, cells, now, ticks, onReveal, layout: place, tools }: Props) {
  const words = useWords();
  const id = useId();
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  const samples = useRef<HTMLSpanElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const painter = useRef<Painter | null>(null);
  const [colours, setColours] = useState<Colours | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const [current, setCurrent] = useState<Place>({ id: null, at: 0 });
  const [hasKeyboard, setHasKeyboard] = useState(false);
  const { width, viewHeight } = useSize(box);
  const ratio = usePixelRatio();
  const count = cells.codes.length;
  const height =
    place === 'inline' ? HEIGHT.inline : Math.min(HEIGHT.fill, Math.max(viewHeight * SHARE, LEAST));
  const layout = useMemo(
    () => layoutOf(count, width || FIRST_WIDTH, height, ratio),
    [count, width, height, ratio]
  );
  const shown = useMemo(() => summed(cells.codes, layout.each), [cells, layout.each]);

  useEffect(() => {
    const element = samples.current;
    if (!element) {
      return undefined;
    }
    const read = () =>
      setColours(before => {
        const found = coloursOf(element);
        return before && areEqual(before, found) ? before : found;
      });
    read();
    return watchColours(element, read);
    // What wasn't in sight when the theme changed had no transition: it has another width when it comes back.
  }, [width]);

  useLayoutEffect(() => {
    if (canvas.current && colours) {
      painter.current ??= new Painter(canvas.current);
      painter.current.paint(shown, layout, colours);
    }
  }, [shown, layout, colours]);

  const at = placeOf(cells, current);
  const failures = useMemo(
    () => cells.codes.reduce((sum, code) => sum + (isFailure(code) ? 1 : 0), 0),
    [cells]
  );
  const textOf = useCellText({ tree, cells, each: layout.each, now, ticks });
  const spot = pointed ?? (hasKeyboard ? Math.floor(at / layout.each) : null);

  const goTo = (to: number) => {
    const next = Math.min(Math.max(to, 0), count - 1);
    setPointed(null);
    setCurrent({ id: cells.ids[next] ?? null, at: next });
  };
  const open = (cell: number) => {
    const task = taskOf(cells, cell, layout.each);
    if (task !== null) {
      onReveal(task);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const { columns, each } = layout;
    const first = Math.floor(at / each) * each;
    const keys: Record<string, () => void> = {
      ArrowRight: () => goTo(first + each),
      ArrowLeft: () => goTo(first - each),
      ArrowDown: () => goTo(first + columns * each < count ? first + columns * each : at),
      ArrowUp: () => goTo(first - columns * each >= 0 ? first - columns * each : at),
      PageDown: () => goTo(first + ROWS_OF_A_PAGE * columns * each),
      PageUp: () => goTo(first - ROWS_OF_A_PAGE * columns * each),
      Home: () => goTo(0),
      End: () => goTo(count - 1),
      n: () => goToFailure(1),
      N: () => goToFailure(-1),
      Enter: () => open(Math.floor(at / each)),
      ' ': () => open(Math.floor(at / each))
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (act) {
      // The notebook around it moves its own selection with the same keys.
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  };
  const goToFailure = (step: 1 | -1) => {
    const found = nextFailure(cells.codes, isFailure(cells.codes[at] ?? -1) || hasKeyboard ? at : -1, step);
    if (found >= 0) {
      goTo(found);
    }
  };
  const pointedAt = (event: React.MouseEvent): number | null => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const cell = cellAt(layout, count, event.clientX - left, event.clientY - top);
    return cell < 0 ? null : cell;
  };

  const own = Math.floor(at / layout.each);
  const size = { width: layout.width / ratio, height: layout.height / ratio };
  return (
    <>
      <div ref={setBox} className="tt-cells-box" style={{ height: size.height }}>
        <canvas ref={canvas} className="tt-cells-canvas" style={size} aria-hidden="true" />
        <div
          ref={list}
          className="tt-cells-list"
          role="listbox"
          aria-label={words._n('Status of %2 task', 'Status of %2 tasks', count, formatCount(count))}
          aria-orientation="horizontal"
          aria-describedby={`${id}-keys`}
          aria-activedescendant={`${id}-${own}`}
          tabIndex={0}
          style={size}
          onKeyDown={onKeyDown}
          onFocus={() => setHasKeyboard(true)}
          onBlur={() => setHasKeyboard(false)}
          onMouseMove={event => setPointed(pointedAt(event))}
          onMouseLeave={() => setPointed(null)}
          onClick={event => {
            const cell = pointedAt(event);
            if (cell !== null) {
              goTo(cell * layout.each);
              open(cell);
            }
          }}
        >
          {/* Another element for another cell: else nobody would say its name. */}
          <span
            key={own}
            id={`${id}-${own}`}
            role="option"
            className="tt-cells-current"
            aria-selected={true}
            aria-setsize={Math.max(1, shown.length)}
            aria-posinset={own + 1}
            aria-label={textOf(own).join(', ')}
            style={markOf(layout, own)}
            data-pointer={pointed === null ? undefined : false}
          />
        </div>
        {pointed === null ? null : <span className="tt-cells-pointed" style={markOf(layout, pointed)} />}
        {spot === null || count === 0 ? null : (
          <CellTip lines={textOf(spot)} mark={markOf(layout, spot)} width={width} />
        )}
        <span ref={samples} className="tt-cells-samples" aria-hidden="true">
          {[...LOOKS, 'ring'].map(look => (
            <i key={look} data-look={look} />
          ))}
        </span>
        <span id={`${id}-keys`} className="tt-hidden">
          {words.__('Arrow keys go from task to task, N to the next failure, Enter shows the task.')}
        </span>
      </div>
      <div className="tt-cells-tools">
        {tools}
        {failures > 0 ? (
          <button
            type="button"
            className="tt-icon-button"
            aria-label={words.__('Go to the next failure')}
            title={`${words.__('Go to the next failure')} (${statusCount(words, 'failed', failures, formatCount(failures))})`}
            onClick={() => {
              goToFailure(1);
              list.current?.focus();
            }}
          >
            <svg
              className="tt-status-failed"
              viewBox="0 0 14 14"
              width="14"
              height="14"
              aria-hidden="true"
              focusable="false"
            >
              <path d="M1.5 2 6 6.5M6 2 1.5 6.5M10 3v8M7.5 8.5 10 11l2.5-2.5" className="tt-stroke" />
            </svg>
          </button>
        ) : null}
      </div>
    </>
  );
}

/** A task, and where it was: without the task the place counts. */
interface Place {
  id: string | null;
  at: number;
}

function placeOf({ ids, codes }: Cells, { id, at }: Place): number {
  if (id !== null && ids[at] !== id) {
    const moved = ids.indexOf(id);
    if (moved >= 0) {
      return moved;
    }
  }
  return Math.min(at, Math.max(codes.length - 1, 0));
}

/** Where a cell leads to: the first task in it that failed, else that is anything else than expected. */
function taskOf({ ids, codes }: Cells, cell: number, each: number): string | null {
  const from = cell * each;
  const within = [...codes.subarray(from, from + each)];
  const failed = within.findIndex(isFailure);
  const there = ids.slice(from, from + each).findIndex(id => id !== null);
  return ids[from + (failed >= 0 ? failed : Math.max(there, 0))] ?? null;
}

function markOf(layout: Layout, cell: number): React.CSSProperties {
  const { x, y } = cornerOf(layout, cell);
  const { size, ratio } = layout;
  return { left: x / ratio, top: y / ratio, width: size / ratio, height: size / ratio };
}
