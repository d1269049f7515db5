import { useMemo, useRef, useState } from 'react';
import type { TreeReader } from '../../core/reader.js';
import { useAtOnce } from '../hooks.js';
import { nameOf } from '../node.js';
import { useStaleness } from '../staleness.js';
import { useWords } from '../words.js';
import type { Arranged } from './arrange.js';
import type { Expansion } from './expansion.js';
import { nextFailure } from './failures.js';
import { familiesOf } from './families.js';
import { FollowButton, Resume } from './follow-button.js';
import { foundRows } from './found.js';
import { commandOf, placeOfTitle, TypeAhead, type Command } from './keyboard.js';
import type { Matching } from './matching.js';
import { canOpen, type Row } from './rows.js';
import { RowCells } from './tree-row.js';
import { useAnchor } from './use-anchor.js';
import { useFocusIndex, useRescuedFocus } from './use-focus-place.js';
import { useFollowRunning } from './use-follow-running.js';
import { useKeptFocus, useReveal, useSteadyHeight } from './use-places.js';
import { useStillness } from './use-stillness.js';
import { ROW_HEIGHT, useWindow } from './use-window.js';
import { containersOf, visibleRows } from './visible.js';

/** Rows an output under a cell shows before it scrolls. */
export const INLINE_ROWS = 16;

interface Props {
  tree: TreeReader;
  /** Goes up with every change of `tree`. */
  version: string;
  roots: readonly string[];
  withOmittedRoots?: boolean;
  expansion: Expansion;
  /** What is looked for: then only that is shown, with what it is in. */
  matching: Matching | null;
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
  /** Where in the header the tree's own buttons go. */
  tools?: HTMLElement | null;
}

/** What the rows were made of. */
interface Made {
  version: string;
  keep: ReadonlySet<string>;
}

export function TreeGrid(props: Props) {
  const { tree, version, roots, expansion, matching, label, now, today, ticks, selected, onSelect } = props;
  const { layout } = props;
  const words = useWords();
  const stale = useStaleness();
  const withOmittedRoots = props.withOmittedRoots ?? false;
  const choices = useAtOnce(expansion, each => each.getVersion()) ?? 0;
  const timed = useAtOnce(familiesOf(tree), each => each.getVersion()) ?? 0;
  const looked = useAtOnce(matching, each => each.getVersion()) ?? 0;
  const scroller = useRef<HTMLDivElement>(null);
  const spacer = useRef<HTMLDivElement>(null);
  const [focusKey, setFocusKey] = useState<string | null>(selected);
  const [isPointed, setPointed] = useState(false);
  const [isBusy, touch] = useStillness();
  const [typing] = useState(() => new TypeAhead());
  const [arranged] = useState(() => new Map<string, Arranged>());
  const reveal = props.reveal ?? null;
  const [seen, setSeen] = useState<Props['reveal']>(null);
  if (reveal !== seen) {
    setSeen(reveal);
    if (reveal) {
      setFocusKey(reveal.nodeId);
    }
  }

  const keep = new Set(
    [focusKey, selected].filter(key => key !== null && tree.node(key) !== undefined) as string[]
  );
  const [made, setMade] = useState<Made>({ version, keep });
  const rows = useMemo(
    () => {
      return matching
        ? foundRows({ tree, roots, matching, expansion, keep: made.keep })
        : visibleRows({
            tree,
            roots,
            withOmittedRoots,
            expansion,
            keep: made.keep,
            isCalm: isPointed,
            arranged
          });
    },
    // The tree is one object that grows: its version says that it did. Nothing closes while somebody points, and nothing has to because they began to.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [tree, made, timed, roots, expansion, choices, matching, looked, withOmittedRoots]
  );
  const isMissing = [...keep].some(key => !made.keep.has(key) && rows.indexOf(key) < 0);
  // While somebody is at it, rows keep their places; what is in them changes all the same.
  if (isMissing || (made.version !== version && !isBusy)) {
    setMade({ version: isMissing ? made.version : version, keep });
  }

  const focusIndex = useFocusIndex(rows, focusKey);
  const steady = useSteadyHeight(
    Math.min(Math.max(rows.length, 1), INLINE_ROWS),
    `${choices}.${matching ? 1 : 0}`
  );
  const view = useWindow(
    scroller,
    rows.length,
    INLINE_ROWS,
    // A height that grows with its rows is measured only after they were drawn: draw what may come into sight.
    layout === 'inline' ? INLINE_ROWS : 6,
    // Must stay in the page however far it is scrolled away, else the keyboard's place is lost.
    focusIndex
  );
  const pointAt = useAnchor(scroller, spacer, rows, focusKey, view.look);
  const following = useFollowRunning(tree, rows, scroller, view);
  const moveFocus = useKeptFocus(scroller);
  const rescued = useRescuedFocus(scroller);
  // What the user didn't close opens by itself where somebody is.
  const openAbove = (id: string) => {
    const closed = containersOf(tree, id).filter(key => expansion.isClosed(key));
    if (closed.length > 0) {
      expansion.choose(closed, true);
    }
  };

  useReveal(reveal, rows, view, openAbove);

  const goTo = (index: number) => {
    const row = rows.at(Math.min(Math.max(index, 0), rows.length - 1));
    if (row) {
      moveFocus();
      setFocusKey(row.key);
      following.leave();
      if (selected !== null && row.kind === 'node') {
        onSelect(row.id);
      }
    }
  };

  const goToFailure = (backwards: boolean): boolean => {
    const shows = matching ? (id: string) => matching.shows(id) : undefined;
    const id = nextFailure(tree, roots, rows, focusIndex, backwards, shows);
    if (id !== null) {
      openAbove(id);
      moveFocus();
      setFocusKey(id);
      following.leave();
      if (selected !== null) {
        onSelect(id);
      }
    }
    return id !== null;
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

  const titleAt = (index: number): string | null => {
    const row = rows.at(index);
    return row?.kind === 'node' ? nameOf(tree, row.id) : row?.kind === 'group' ? row.alike.label : null;
  };

  const goToTitle = (character: string) => {
    const index = typing.type(character, wish => placeOfTitle(titleAt, rows.length, focusIndex, wish));
    if (index >= 0) {
      goTo(index);
    }
  };

  const act = (command: Command, row: Row): void => {
    if (command.do !== 'type') {
      typing.end();
    }
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 1);
    switch (command.do) {
      case 'go':
        goTo(
          {
            next: focusIndex + 1,
            previous: focusIndex - 1,
            first: 0,
            last: rows.length - 1,
            'page-down': focusIndex + page,
            'page-up': focusIndex - page
          }[command.to]
        );
        break;
      case 'open':
        if (canOpen(row) && !row.open) {
          toggle(row, true);
        } else if ((rows.at(focusIndex + 1)?.level ?? 0) > row.level) {
          goTo(focusIndex + 1);
        }
        break;
      case 'close':
        if (canOpen(row) && row.open) {
          toggle(row, false);
        } else if (rows.parentIndex(focusIndex) >= 0) {
          goTo(rows.parentIndex(focusIndex));
        }
        break;
      case 'open-siblings':
        expansion.choose(
          [...rows.siblings(focusIndex)]
            .filter(each => each.kind !== 'rest' && canOpen(each))
            .map(each => each.key),
          true
        );
        break;
      case 'failure':
        if (goToFailure(command.backwards)) {
          typing.command(command.text);
        } else {
          goToTitle(command.text);
        }
        break;
      case 'type':
        goToTitle(command.text);
        break;
      case 'activate':
        activate(row);
        break;
      case 'leave':
        onSelect(null);
        break;
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const row = rows.at(focusIndex);
    const command = row ? commandOf(event.nativeEvent, typing.isTyping) : null;
    if (row && command && !(command.do === 'leave' && selected === null)) {
      // The notebook around it has keys of its own, letters too: it would delete cells.
      event.preventDefault();
      event.stopPropagation();
      touch();
      act(command, row);
    }
  };

  const rowAt = (target: EventTarget) => {
    const element = target instanceof Element ? target.closest<HTMLElement>('[role="row"]') : null;
    return rows.at(Number(element?.dataset.index ?? NaN));
  };

  const onClick = (event: React.MouseEvent) => {
    const row = rowAt(event.target);
    if (!row) {
      return;
    }
    moveFocus();
    setFocusKey(row.key);
    following.leave();
    if ((event.target as Element).closest('[data-twisty="true"]') !== null) {
      toggle(row);
    } else {
      activate(row);
    }
  };

  const onPointer = (event: React.PointerEvent) => {
    pointAt(rowAt(event.target)?.key ?? null);
    setPointed(true);
    touch();
  };

  return (
    <div className={`tt-tree tt-tree-${layout}`}>
      <FollowButton following={following} isThere={ticks} place={props.tools ?? null} />
      <div
        ref={scroller}
        className={`tt-grid tt-${layout}`}
        style={layout === 'inline' ? { height: steady * ROW_HEIGHT } : undefined}
        role="treegrid"
        tabIndex={-1}
        aria-label={label}
        aria-rowcount={rows.length + 1}
        aria-colcount={4}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onPointerDown={onPointer}
        onPointerMove={onPointer}
        onPointerLeave={() => {
          pointAt(null);
          setPointed(false);
        }}
        onScroll={() => {
          view.look();
          following.scrolled();
        }}
        onBlur={event => rescued.onBlur(event.target)}
        onFocus={event => {
          rescued.onFocus(event.target);
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
        <div role="rowgroup" className="tt-rows" style={{ height: rows.length * ROW_HEIGHT }}>
          {view.indexes.map(index => {
            const row = rows.at(index);
            return row ? (
              <div
                key={row.key}
                role="row"
                className={`tt-row${row.key === selected ? ' tt-selected' : ''}`}
                style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
                tabIndex={index === focusIndex ? 0 : -1}
                data-index={index}
                data-node-id={row.kind === 'node' ? row.id : undefined}
                data-status={row.kind === 'node' ? tree.node(row.id)?.status : undefined}
                data-stale={row.kind === 'node' && stale.since(row.id) !== null ? true : undefined}
                aria-rowindex={index + 2}
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
        <div ref={spacer} className="tt-spacer" style={{ height: 0 }} aria-hidden="true" />
      </div>
      <Resume following={following} />
    </div>
  );
}
