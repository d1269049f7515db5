import { useVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'react';
import type { TreeEvent } from '../../core/envelope.js';
import type { EventFeed } from '../../core/feed.js';
import type { TreeReader } from '../../core/reader.js';
import { nodeOf } from '../../core/wanted.js';
import { Json } from '../details/raw.js';
import { formatClock, formatCount } from '../format.js';
import { useWords } from '../words.js';
import { described, typeName } from './described.js';
import { FeedEnd } from './feed-end.js';

const ROW_HEIGHT = 24;
/** About so high is an event's JSON before it was measured. */
const OPEN_HEIGHT = 200;
const INLINE_ROWS = 16;

interface Props {
  feed: EventFeed;
  tree: TreeReader;
  /** Of the newest event, microseconds since 1970: others of the same day leave the day out. */
  day: number;
  layout: 'inline' | 'fill';
  isFiltered: boolean;
  hasHistory: boolean;
  onSelect: (id: string | null) => void;
}

interface Item {
  event: TreeEvent;
  /** The event's JSON, below its line. */
  isOpened: boolean;
}

/** Why the list keeps still just now. */
type Reason = 'scrolled' | 'pointed' | 'focused' | 'opened';

export function EventList({ feed, tree, day, layout, isFiltered, hasHistory, onSelect }: Props) {
  const words = useWords();
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [focus, setFocus] = useState<string | null>(null);
  const reasons = useRef(new Set<Reason>());
  const moveFocus = useRef(false);

  const items: Item[] = [];
  for (let index = feed.events.length - 1; index >= 0; index--) {
    const event = feed.events[index] as TreeEvent;
    items.push({ event, isOpened: false });
    if (open.has(event.offset)) {
      items.push({ event, isOpened: true });
    }
  }
  const keyOf = ({ event, isOpened }: Item) => `${event.offset}${isOpened ? ' json' : ''}`;
  const lines = items.filter(({ isOpened }) => !isOpened);
  const focusAt = Math.max(
    0,
    lines.findIndex(item => keyOf(item) === focus)
  );
  // The compiler that this rule warns for isn't used here.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => (items[index]?.isOpened ? OPEN_HEIGHT : ROW_HEIGHT),
    getItemKey: index => keyOf(items[index] as Item),
    initialRect: { width: 0, height: INLINE_ROWS * ROW_HEIGHT },
    overscan: layout === 'inline' ? INLINE_ROWS : 8
  });

  const keep = (reason: Reason, isSo: boolean) => {
    if (isSo) {
      reasons.current.add(reason);
    } else {
      reasons.current.delete(reason);
    }
    if (reasons.current.size > 0) {
      feed.hold();
    } else {
      feed.release();
    }
  };

  useLayoutEffect(() => {
    if (moveFocus.current) {
      moveFocus.current = false;
      scroller.current
        ?.querySelector<HTMLElement>('[role="row"][tabindex="0"]')
        ?.focus({ preventScroll: true });
    }
  });

  const goTo = (index: number) => {
    const item = lines[Math.min(Math.max(index, 0), lines.length - 1)];
    if (item) {
      moveFocus.current = true;
      setFocus(keyOf(item));
      virtualizer.scrollToIndex(items.indexOf(item));
    }
  };

  const toggle = (event: TreeEvent, isOpen = !open.has(event.offset)) => {
    const next = new Set(open);
    if (isOpen) {
      next.add(event.offset);
    } else {
      next.delete(event.offset);
    }
    setOpen(next);
    keep('opened', next.size > 0);
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const item = lines[focusAt];
    const isOnRow = (event.target as Element).getAttribute('role') === 'row';
    if (!item || !isOnRow || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 1);
    const keys: Record<string, () => void> = {
      ArrowDown: () => goTo(focusAt + 1),
      ArrowUp: () => goTo(focusAt - 1),
      PageDown: () => goTo(focusAt + page),
      PageUp: () => goTo(focusAt - page),
      Home: () => goTo(0),
      End: () => goTo(lines.length - 1),
      ArrowRight: () => toggle(item.event, true),
      ArrowLeft: () => toggle(item.event, false),
      Enter: () => toggle(item.event),
      ' ': () => toggle(item.event)
    };
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  };

  const onScroll = () => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    keep('scrolled', element.scrollTop > 4);
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (left < element.clientHeight && feed.older === 'idle' && element.scrollTop > 0) {
      feed.loadOlder();
    }
  };

  const showNew = () => {
    feed.release();
    if (scroller.current) {
      scroller.current.scrollTop = 0;
    }
    reasons.current.delete('scrolled');
    if (reasons.current.size > 0) {
      feed.hold();
    }
  };

  const newText = words._n('%2 new', '%2 new', feed.waiting, formatCount(feed.waiting));
  return (
    <div className="tt-events-box">
      {feed.waiting > 0 ? (
        <button type="button" className="tt-new tt-new-top" onClick={showNew}>
          ↑ {newText}
        </button>
      ) : null}
      <div
        ref={scroller}
        className={`tt-events-list tt-${layout}`}
        onScroll={onScroll}
        onPointerEnter={() => keep('pointed', true)}
        onPointerLeave={() => keep('pointed', false)}
      >
        <div
          role="treegrid"
          tabIndex={-1}
          aria-label={words.__('Events')}
          aria-rowcount={feed.older === 'end' ? lines.length : -1}
          aria-readonly
          onKeyDown={onKeyDown}
          onFocus={event => keep('focused', event.target.getAttribute('role') !== 'treegrid')}
          onBlur={event => {
            if (!event.currentTarget.contains(event.relatedTarget)) {
              keep('focused', false);
            }
          }}
        >
          <div role="rowgroup" className="tt-rows" style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map(({ index, start, key }) => {
              const item = items[index];
              if (!item) {
                return null;
              }
              const isFocus = keyOf(item) === keyOf(lines[focusAt] as Item);
              return item.isOpened ? (
                <div
                  key={key}
                  ref={virtualizer.measureElement}
                  data-index={index}
                  role="row"
                  aria-level={2}
                  className="tt-event-json"
                  style={{ transform: `translateY(${start}px)` }}
                >
                  <div role="gridcell" aria-colspan={3}>
                    <EventJson event={item.event} tree={tree} onSelect={onSelect} />
                  </div>
                </div>
              ) : (
                // The grid has the keyboard.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={key}
                  data-index={index}
                  role="row"
                  aria-level={1}
                  aria-expanded={open.has(item.event.offset)}
                  tabIndex={isFocus ? 0 : -1}
                  className="tt-event"
                  style={{ transform: `translateY(${start}px)` }}
                  onClick={() => {
                    moveFocus.current = true;
                    setFocus(keyOf(item));
                    toggle(item.event);
                  }}
                >
                  <EventLine event={item.event} tree={tree} day={day} />
                </div>
              );
            })}
          </div>
        </div>
        <FeedEnd feed={feed} isFiltered={isFiltered} hasHistory={hasHistory} />
      </div>
    </div>
  );
}

function EventLine({ event, tree, day }: { event: TreeEvent; tree: TreeReader; day: number }) {
  const words = useWords();
  const { task, text, isBad } = described(words, tree, event);
  return (
    <>
      <span role="gridcell" className="tt-event-time" title={`${event.offset}`}>
        {formatClock(event.at, day, true)}
      </span>
      <span role="gridcell" className="tt-event-type" title={event.type}>
        {typeName(words, event.type)}
      </span>
      <span role="gridcell" className="tt-event-text" title={text}>
        {task === null ? null : <span className="tt-event-task">{task}</span>}
        <span className={isBad ? 'tt-stat-failed' : undefined}>{text}</span>
      </span>
    </>
  );
}

interface JsonProps {
  event: TreeEvent;
  tree: TreeReader;
  onSelect: (id: string) => void;
}

function EventJson({ event, tree, onSelect }: JsonProps) {
  const words = useWords();
  const id = nodeOf(event);
  const more =
    id !== null && tree.node(id) ? (
      <button type="button" className="tt-link" onClick={() => onSelect(id)}>
        {words.__('Show the task')}
      </button>
    ) : null;
  return <Json value={event} label={words.__('Event %1', formatCount(event.offset))} more={more} />;
}
