import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual';
import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { PartProps } from '../part.js';
import { useSize } from '../size.js';
import { useWords } from '../words.js';
import { PINNED, widthsOf } from './columns.js';
import { Facts, type ColumnName } from './facts.js';
import type { TableKeeper } from './keeper.js';
import type { Sort } from './order.js';
import type { ColumnFacts } from './picture.js';
import { TableCells, type Placed } from './table-row.js';
import { columnLabel } from './text.js';

const ROW_HEIGHT = 26;
/** Rows an output under a cell shows before it scrolls. */
const INLINE_ROWS = 16;
/** Before anything is measured. */
const FIRST_WIDTH = 800;
/** Stands for the header among the rows' ids, none of which holds a control character. */
const HEADER = '\u0000header';

type Props = Pick<
  PartProps,
  'tree' | 'now' | 'ticks' | 'today' | 'selected' | 'onSelect' | 'layout' | 'version'
> & {
  keeper: TableKeeper;
  rows: readonly Facts[];
  columns: readonly ColumnFacts[];
  best: ReadonlyMap<ColumnName, number>;
  sort: Sort | null;
  onSort: (column: ColumnName) => void;
  label: string;
};

interface Spot {
  row: string;
  column: ColumnName;
}

/** Rows and columns, of which only those in sight are in the page. */
export function TableGrid(props: Props) {
  const { tree, keeper, rows, columns, best, sort, onSort, label, now, ticks, today, selected, onSelect } =
    props;
  const words = useWords();
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const [spot, setSpot] = useState<Spot>({ row: HEADER, column: 'title' });
  const moveFocus = useRef(false);
  const hands = useRef({ pointer: false, focus: false });
  const { width } = useSize(scroller);
  const room = width || FIRST_WIDTH;

  const labels = useMemo(() => columns.map(({ name }) => columnLabel(words, name)), [words, columns]);
  const widths = useMemo(() => widthsOf(columns, labels, room), [columns, labels, room]);
  const pinned = columns.filter(({ name }) => PINNED.includes(name)).length;
  const pinnedWidth = widths.slice(0, pinned).reduce((sum, each) => sum + each, 0);
  const whole = widths.reduce((sum, each) => sum + each, 0);

  const indexOf = useMemo(() => new Map(rows.map(({ id }, at) => [id, at])), [rows]);
  const rowAt = spot.row === HEADER ? -1 : (indexOf.get(spot.row) ?? -1);
  const columnAt = Math.max(
    0,
    columns.findIndex(({ name }) => name === spot.column)
  );

  // The compiler that this rule warns for isn't used here.
  // eslint-disable-next-line react-hooks/incompatible-library
  const down = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller,
    estimateSize: () => ROW_HEIGHT,
    initialRect: { width: 0, height: INLINE_ROWS * ROW_HEIGHT },
    paddingStart: ROW_HEIGHT,
    scrollPaddingStart: ROW_HEIGHT,
    overscan: 6,
    rangeExtractor: range => withOne(range, rowAt)
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length - pinned,
    getScrollElement: () => scroller,
    estimateSize: at => widths[at + pinned] ?? 0,
    initialRect: { width: FIRST_WIDTH, height: 0 },
    paddingStart: pinnedWidth,
    overscan: 3,
    rangeExtractor: range => withOne(range, columnAt - pinned)
  });
  useLayoutEffect(() => {
    across.measure();
  }, [across, widths]);

  const place = (at: number, left: number, isPinned: boolean): Placed[] => {
    const column = columns[at];
    return column ? [{ column, index: at, left, width: widths[at] ?? 0, isPinned }] : [];
  };
  const inSight = across.getVirtualItems();
  const from = inSight[0]?.index ?? 0;
  const to = inSight.at(-1)?.index ?? -1;
  const extra = inSight.map(({ index }) => index).join();
  const placed = useMemo(() => {
    const lefts: number[] = [];
    widths.reduce((left, each, at) => ((lefts[at] = left), left + each), 0);
    return [
      ...columns.slice(0, pinned).flatMap((_, at) => place(at, lefts[at] ?? 0, true)),
      ...inSight.flatMap(({ index }) => place(index + pinned, lefts[index + pinned] ?? 0, false))
    ];
    // What is in sight is another array at each drawing: its places say whether it is another.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [columns, widths, pinned, from, to, extra]);

  useLayoutEffect(() => {
    if (moveFocus.current && scroller) {
      moveFocus.current = false;
      const cell = scroller.querySelector<HTMLElement>('[tabindex="0"]');
      cell?.focus({ preventScroll: true });
      cell?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  });

  const hold = (change: Partial<typeof hands.current>) => {
    Object.assign(hands.current, change);
    keeper.hold(hands.current.pointer || hands.current.focus);
  };
  useLayoutEffect(() => () => keeper.hold(false), [keeper]);

  const goTo = (row: number, column: number) => {
    const name = columns[Math.min(Math.max(column, 0), columns.length - 1)]?.name;
    const facts = rows[Math.min(row, rows.length - 1)];
    if (name === undefined) {
      return;
    }
    moveFocus.current = true;
    setSpot({ row: row < 0 || !facts ? HEADER : facts.id, column: name });
    if (selected !== null && row >= 0 && facts) {
      onSelect(facts.id);
    }
  };
  const activate = () => {
    if (rowAt < 0) {
      onSort(spot.column);
    } else {
      onSelect(selected === spot.row ? null : spot.row);
    }
  };
  const nextFailure = (step: 1 | -1) => {
    for (let i = 1; i <= rows.length; i += 1) {
      const at = (((rowAt + step * i) % rows.length) + rows.length) % rows.length;
      if (rows[at]?.node.status === 'failed') {
        goTo(at, columnAt);
        return;
      }
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const isJump = event.ctrlKey || event.metaKey;
    const keys: Record<string, () => void> = {
      ArrowDown: () => goTo(rowAt + 1, columnAt),
      ArrowUp: () => goTo(rowAt - 1, columnAt),
      ArrowRight: () => goTo(rowAt, columnAt + 1),
      ArrowLeft: () => goTo(rowAt, columnAt - 1),
      PageDown: () => goTo(rowAt + page, columnAt),
      PageUp: () => goTo(Math.max(rowAt - page, Math.min(rowAt, 0)), columnAt),
      Home: () => goTo(isJump ? 0 : rowAt, 0),
      End: () => goTo(isJump ? rows.length - 1 : rowAt, columns.length - 1),
      n: () => nextFailure(1),
      N: () => nextFailure(-1),
      Enter: activate,
      ' ': activate
    };
    const isOurs = event.key === 'Home' || event.key === 'End' || (!isJump && !event.altKey);
    const act = isOurs ? keys[event.key] : undefined;
    if (act || (event.key === 'Escape' && selected !== null)) {
      // The notebook around it moves its own selection with the same keys.
      event.preventDefault();
      event.stopPropagation();
      (act ?? (() => onSelect(null)))();
    }
  };
  const spotOf = (target: EventTarget): Spot | null => {
    const cell = target instanceof Element ? target.closest<HTMLElement>('[data-column]') : null;
    const row = cell?.closest<HTMLElement>('[data-row]')?.dataset.row;
    const column = cell?.dataset.column;
    return row !== undefined && column !== undefined ? { row, column } : null;
  };

  const height = (Math.min(Math.max(rows.length, 1), INLINE_ROWS) + 1) * ROW_HEIGHT;
  return (
    <div
      ref={setScroller}
      className={`tt-table-scroller tt-${props.layout}`}
      style={{
        scrollPadding: `${ROW_HEIGHT}px 0 0 ${pinnedWidth}px`,
        ...(props.layout === 'inline' ? { maxHeight: height + ROW_HEIGHT / 2 } : {})
      }}
      role="grid"
      tabIndex={-1}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      onKeyDown={onKeyDown}
      onMouseEnter={() => hold({ pointer: true })}
      onMouseLeave={() => hold({ pointer: false })}
      onFocus={event => {
        hold({ focus: true });
        const found = spotOf(event.target);
        if (found && (found.row !== spot.row || found.column !== spot.column)) {
          setSpot(found);
        }
      }}
      onBlur={event => {
        if (!event.currentTarget.contains(event.relatedTarget)) {
          hold({ focus: false });
        }
      }}
      onClick={event => {
        const found = spotOf(event.target);
        if (found) {
          moveFocus.current = true;
          setSpot(found);
          if (found.row === HEADER) {
            onSort(found.column);
          } else {
            onSelect(selected === found.row ? null : found.row);
          }
        }
      }}
    >
      <div role="rowgroup" className="tt-thead" style={{ width: whole }}>
        <div role="row" aria-rowindex={1} data-row={HEADER} className="tt-tr">
          {placed.map(({ column, index, left, width, isPinned }) => (
            <div
              key={column.name}
              role="columnheader"
              aria-colindex={index + 1}
              aria-sort={
                sort?.column === column.name ? (sort.descending ? 'descending' : 'ascending') : 'none'
              }
              data-column={column.name}
              tabIndex={rowAt < 0 && index === columnAt ? 0 : -1}
              className={`tt-td tt-th${isPinned ? ' tt-pinned' : ''}${column.isNumeric ? ' tt-td-number' : ''}`}
              style={{ left, width }}
              title={words.__('Sort by %1', column.name.includes('.') ? column.name : (labels[index] ?? ''))}
            >
              <span className={column.name === 'status' ? 'tt-hidden' : 'tt-td-text'}>{labels[index]}</span>
              {sort?.column === column.name ? (
                <span className="tt-sorted" aria-hidden="true">
                  {sort.descending ? '▾' : '▴'}
                </span>
              ) : null}
            </div>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className="tt-tbody"
        style={{ height: down.getTotalSize() - ROW_HEIGHT, width: whole }}
      >
        {down.getVirtualItems().map(item => {
          const known = rows[item.index];
          if (!known) {
            return null;
          }
          const node = tree.node(known.id);
          // The row's place may be older than what is in it.
          const facts = node && node !== known.node ? new Facts(node, known.depth, known.kind) : known;
          const runs = facts.node.status === 'running' || facts.node.status === 'review';
          return (
            <div
              key={known.id}
              role="row"
              aria-rowindex={item.index + 2}
              aria-selected={known.id === selected}
              data-row={known.id}
              data-status={facts.node.status}
              className={`tt-tr${known.id === selected ? ' tt-selected' : ''}${node ? '' : ' tt-gone'}`}
              style={{ transform: `translateY(${item.start - ROW_HEIGHT}px)` }}
            >
              <TableCells
                facts={facts}
                tree={tree}
                columns={placed}
                best={best}
                focused={item.index === rowAt ? columnAt : null}
                now={runs ? now : null}
                ticks={ticks}
                today={runs ? today : dayOf(today)}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Whether a time is today's doesn't change from second to second. */
function dayOf(today: number): number {
  return Math.floor(today / 60_000) * 60_000;
}

function withOne(range: Range, at: number): number[] {
  const indexes = defaultRangeExtractor(range);
  return at < 0 || at >= range.count || indexes.includes(at)
    ? indexes
    : [...indexes, at].sort((a, b) => a - b);
}
