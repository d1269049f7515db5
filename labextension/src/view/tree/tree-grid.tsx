import { useVirtualizer, defaultRangeExtractor, type Range } from '@tanstack/react-virtual';
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { TreeReader } from '../../core/reader.js';
import type { Expansion } from './expansion.js';
import { useAtOnce } from '../hooks.js';
import { canOpen, childRows, parentIndex, visibleRows, type Row } from './rows.js';
import { useStaleness } from '../staleness.js';
import { RowCells } from './tree-row.js';
import { useWords } from '../words.js';

export const ROW_HEIGHT = 26;
/** Rows an output under a cell shows before it scrolls. */
export const INLINE_ROWS = 16;

interface Props {
  tree: TreeReader;
  /** Goes up with every change of `tree`. */
  version: string;
  roots: readonly string[];
  withOmittedRoots?: boolean;
  expansion: Expansion;
  label: string;
  now: number | null;
  /** Milliseconds since 1970, to tell today's times from others. */
  today: number;
  ticks: boolean;
  /** Node whose details are open. */
  selected: string | null;
  onSelect: (id: string | null) => void;
  /** `inline` grows with its rows up to a bound; `fill` takes the height there is. */
  layout: 'inline' | 'fill';
  /** See `TreeView`. */
  reveal?: { nodeId: string } | null;
}

export function TreeGrid(props: Props) {
  const { tree, version, roots, expansion, label, now, today, ticks, selected, onSelect, layout } = props;
  const words = useWords();
  const stale = useStaleness();
  const withOmittedRoots = props.withOmittedRoots ?? false;
  const choices = useAtOnce(expansion, each => each.getVersion()) ?? 0;
  const [focusKey, setFocusKey] = useState<string | null>(selected);
  const [seen, setSeen] = useState<Props['reveal']>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const moveFocus = useRef(false);
  const scrolledTo = useRef<Props['reveal']>(null);
  const reveal = props.reveal ?? null;
  if (reveal !== seen) {
    setSeen(reveal);
    if (reveal) {
      setFocusKey(reveal.nodeId);
    }
  }

  const rows = useMemo(() => {
    const keep = new Set([focusKey, selected].filter(key => key !== null));
    return visibleRows(tree, roots, expansion, keep, withOmittedRoots);
    // The tree is one object that grows: its version says that it did.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [tree, version, roots, expansion, choices, focusKey, selected, withOmittedRoots]);

  const focusIndex = Math.max(
    0,
    rows.findIndex(row => row.key === focusKey)
  );
  const height = useSteadyHeight(rows.length, choices);

  // Must stay in the page however far it is scrolled away, else the keyboard's place is lost.
  const rangeExtractor = useCallback(
    (range: Range) => {
      const indexes = defaultRangeExtractor(range);
      return indexes.includes(focusIndex) || focusIndex >= range.count
        ? indexes
        : [...indexes, focusIndex].sort((a, b) => a - b);
    },
    [focusIndex]
  );
  // The compiler that this rule warns for isn't used here.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    initialRect: { width: 0, height: INLINE_ROWS * ROW_HEIGHT },
    // A height that grows with its rows is measured only after they were drawn: draw what may come into sight.
    overscan: layout === 'inline' ? INLINE_ROWS : 6,
    rangeExtractor
  });

  useLayoutEffect(() => {
    if (moveFocus.current) {
      moveFocus.current = false;
      const row = scroller.current?.querySelector<HTMLElement>('[role="row"][tabindex="0"]');
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: 'nearest' });
    }
  });

  useLayoutEffect(() => {
    if (reveal === null || reveal === scrolledTo.current) {
      return;
    }
    const index = rows.findIndex(row => row.key === reveal.nodeId);
    if (index >= 0) {
      scrolledTo.current = reveal;
      virtualizer.scrollToIndex(index, { align: 'center' });
    } else if (tree.node(reveal.nodeId)) {
      // Somebody closed what it is in.
      expansion.choose(above(tree, reveal.nodeId), true);
    }
  });

  const goTo = (index: number) => {
    const to = Math.min(Math.max(index, 0), rows.length - 1);
    const row = rows[to];
    if (!row) {
      return;
    }
    moveFocus.current = true;
    setFocusKey(row.key);
    if (selected !== null && row.kind === 'node') {
      onSelect(row.id);
    }
  };

  const toggle = (row: Row, open?: boolean) => {
    if (canOpen(row)) {
      expansion.choose([row.key], open ?? !row.open);
    }
  };

  const activate = (row: Row) => {
    if (row.kind === 'node') {
      onSelect(selected === row.id ? null : row.id);
    } else {
      toggle(row);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const row = rows[focusIndex];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === 'Escape' && selected === null) {
      return;
    }
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 1);
    const keys: Record<string, () => void> = {
      ArrowDown: () => goTo(focusIndex + 1),
      ArrowUp: () => goTo(focusIndex - 1),
      PageDown: () => goTo(focusIndex + page),
      PageUp: () => goTo(focusIndex - page),
      Home: () => goTo(0),
      End: () => goTo(rows.length - 1),
      ArrowRight: () => {
        if (canOpen(row)) {
          if (!row.open) {
            toggle(row, true);
          } else if ((rows[focusIndex + 1]?.level ?? 0) > row.level) {
            goTo(focusIndex + 1);
          }
        }
      },
      ArrowLeft: () => {
        if (canOpen(row) && row.open) {
          toggle(row, false);
        } else {
          const parent = parentIndex(rows, focusIndex);
          if (parent >= 0) {
            goTo(parent);
          }
        }
      },
      '*': () => {
        const parent = parentIndex(rows, focusIndex);
        expansion.choose(
          childRows(rows, parent)
            .filter(each => each.kind === 'node' && canOpen(each))
            .map(each => each.key),
          true
        );
      },
      Enter: () => activate(row),
      ' ': () => activate(row),
      Escape: () => onSelect(null)
    };
    const act = keys[event.key];
    if (act) {
      // The notebook around it moves its own selection with the same keys.
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  };

  const rowAt = (target: EventTarget) => {
    const element = target instanceof Element ? target.closest<HTMLElement>('[role="row"]') : null;
    const index = Number(element?.dataset.index ?? NaN);
    return rows[index];
  };

  const onClick = (event: React.MouseEvent) => {
    const row = rowAt(event.target);
    if (!row) {
      return;
    }
    moveFocus.current = true;
    setFocusKey(row.key);
    const onTwisty = (event.target as Element).closest('[data-twisty="true"]') !== null;
    if (onTwisty) {
      toggle(row);
    } else {
      activate(row);
    }
  };

  return (
    <div
      ref={scroller}
      className={`tt-grid tt-${layout}`}
      style={layout === 'inline' ? { height } : undefined}
      role="treegrid"
      tabIndex={-1}
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={4}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onFocus={event => {
        const row = rowAt(event.target);
        if (row && row.key !== focusKey) {
          setFocusKey(row.key);
        }
      }}
    >
      <div role="row" aria-rowindex={1} className="tt-hidden">
        <span role="columnheader">{words.__('Task')}</span>
        <span role="columnheader">{words.__('Progress')}</span>
        <span role="columnheader">{words.__('Done')}</span>
        <span role="columnheader">{words.__('Elapsed')}</span>
      </div>
      <div role="rowgroup" className="tt-rows" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(item => {
          const row = rows[item.index];
          return row ? (
            <div
              key={row.key}
              role="row"
              className={`tt-row${row.key === selected ? ' tt-selected' : ''}`}
              style={{ transform: `translateY(${item.start}px)` }}
              tabIndex={item.index === focusIndex ? 0 : -1}
              data-index={item.index}
              data-node-id={row.kind === 'node' ? row.id : undefined}
              data-status={row.kind === 'node' ? tree.node(row.id)?.status : undefined}
              data-stale={row.kind === 'node' && stale.since(row.id) !== null ? true : undefined}
              aria-rowindex={item.index + 2}
              aria-level={row.level}
              aria-posinset={row.position}
              aria-setsize={row.siblings}
              aria-expanded={canOpen(row) ? (row.open ?? undefined) : undefined}
              aria-selected={row.key === selected}
            >
              <RowCells tree={tree} row={row} now={now} today={today} ticks={ticks} />
            </div>
          ) : null;
        })}
      </div>
    </div>
  );
}

function above(tree: TreeReader, id: string): string[] {
  const all: string[] = [];
  for (let up = tree.node(id)?.parent_id; up !== undefined; up = tree.node(up)?.parent_id) {
    all.push(up);
  }
  return all;
}

/** Grows as rows come, but shrinks only when somebody closed something: what stands below it in the notebook stays where it is. */
function useSteadyHeight(rows: number, choices: number): number {
  const wanted = Math.min(Math.max(rows, 1), INLINE_ROWS);
  const [steady, setSteady] = useState({ rows: wanted, choices });
  if (steady.choices !== choices || wanted > steady.rows) {
    setSteady({ rows: wanted, choices });
    return wanted * ROW_HEIGHT;
  }
  return steady.rows * ROW_HEIGHT;
}
