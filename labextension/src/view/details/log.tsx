import { memo, useLayoutEffect, useRef, useState } from 'react';
import type { TreeEvent } from '../../core/envelope.js';
import { EventFeed } from '../../core/feed.js';
import type { EventQuery, LogLevel } from '../../core/history.js';
import type { NodeLog } from '../../core/reader.js';
import { seenLines } from '../../core/seen.js';
import { parseTime } from '../../core/times.js';
import { LEVELS, wants } from '../../core/wanted.js';
import { useDebounced } from '../debounced.js';
import { formatClock, formatCount } from '../format.js';
import { levelName } from '../level.js';
import { useRemembered } from '../memory.js';
import { Older } from '../older.js';
import { useOpened } from '../opened.js';
import { listed, useWords } from '../words.js';
import { when } from './facts.js';
import type { Scene } from './scene.js';
import { Section } from './section.js';

/** What a task wrote: live at the end, older lines from the server, with a search and a level. */
export function Log({ scene }: { scene: Scene }) {
  const words = useWords();
  const { log } = scene.node;
  if (!log) {
    return null;
  }
  const levels = listed(
    words,
    Object.entries(log.counts).map(([level, count]) => `${formatCount(count)} ${levelName(words, level)}`)
  );
  return (
    <Section id="log" title={words.__('Log')} note={levels}>
      <Lines key={scene.node.node_id} scene={scene} log={log} />
    </Section>
  );
}

function Lines({ scene, log }: { scene: Scene; log: NodeLog }) {
  const words = useWords();
  const { projectId, node, history, follow, today } = scene;
  const [text, setText] = useState('');
  const wanted = useDebounced(text.trim());
  const [level, setLevel] = useRemembered<LogLevel>('log.level', kept =>
    LEVELS.includes(kept as LogLevel) ? (kept as LogLevel) : 'debug'
  );
  const total = Object.values(log.counts).reduce((sum, count) => sum + count, 0);
  const stream = follow?.stream ?? null;
  const feed = useOpened(() => {
    const query: EventQuery = { types: ['node_log'], nodeIds: [node.node_id], contains: wanted, level };
    return new EventFeed({ projectId, history, stream, query, matches: wants(query, () => null) });
  }, [projectId, node.node_id, history, stream, wanted, level]);
  const isFiltered = wanted !== '' || level !== 'debug';
  // Without a server, or where it let them go, the tree still knows the last one.
  const hasNoOthers = !history || feed.older === 'end';
  const lastOnly = hasNoOthers && feed.events.length === 0 && !isFiltered;
  return (
    <>
      {total > 1 && !lastOnly ? (
        <p className="tt-log-tools" role="group" aria-label={words.__('Which lines')}>
          <input
            type="search"
            className="tt-field"
            value={text}
            placeholder={words.__('Search in the log')}
            aria-label={words.__('Search in the log')}
            spellCheck={false}
            onChange={event => setText(event.target.value)}
            onKeyDown={event => {
              // The notebook around it has keys of its own; Escape empties the field before it closes the details.
              if (event.key !== 'Escape' || text !== '') {
                event.stopPropagation();
              }
              if (event.key === 'Escape' && text !== '') {
                event.preventDefault();
                setText('');
              }
            }}
          />
          <select
            className="tt-field"
            value={level}
            aria-label={words.__('Lowest level')}
            onChange={event => setLevel(event.target.value as LogLevel)}
          >
            {LEVELS.map(each => (
              <option key={each} value={each}>
                {levelName(words, each)}
              </option>
            ))}
          </select>
        </p>
      ) : null}
      {lastOnly ? (
        <Line level={log.last.level} message={log.last.message} time={when(log.last.timestamp, today)} />
      ) : (
        <Scroller feed={feed} last={parseTime(log.last.timestamp) ?? 0} isFiltered={isFiltered} />
      )}
      {!history && total > Math.max(feed.events.length, 1) ? (
        <p className="tt-details-line tt-faint tt-note">{words.__('Earlier lines need the server.')}</p>
      ) : null}
      {history && lastOnly ? (
        <p className="tt-details-line tt-faint tt-note">
          {words.__('The server keeps no lines of it any more.')}
        </p>
      ) : null}
    </>
  );
}

interface ScrollerProps {
  feed: EventFeed;
  /** When the last line was written, microseconds since 1970: lines of the same day leave the day out. */
  last: number;
  isFiltered: boolean;
}

/** Stays at the end while lines come, until somebody scrolls away: then nothing moves. */
function Scroller({ feed, last, isFiltered }: ScrollerProps) {
  const words = useWords();
  const scroller = useRef<HTMLDivElement>(null);
  const first = feed.events[0]?.offset ?? null;
  const before = useRef({ first, height: 0, isAtEnd: true });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    if (before.current.isAtEnd) {
      element.scrollTop = element.scrollHeight;
    } else if (first !== before.current.first) {
      // What came in above pushes the lines down; they are to stay where they are.
      element.scrollTop += element.scrollHeight - before.current.height;
    }
    before.current = { ...before.current, first, height: element.scrollHeight };
  });
  const scrolled = () => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 8;
    before.current.isAtEnd = isAtEnd;
    if (isAtEnd) {
      feed.release();
    } else {
      feed.hold();
    }
    if (element.scrollTop === 0 && !isAtEnd) {
      feed.loadOlder();
    }
  };
  const toEnd = () => {
    before.current.isAtEnd = true;
    feed.release();
    scroller.current?.focus({ preventScroll: true });
  };
  return (
    <div className="tt-log-box">
      {/* Scrolls, so the keyboard must get in. */}
      <div
        ref={scroller}
        className="tt-log-lines"
        role="group"
        aria-label={words.__('Log lines')}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={scrolled}
      >
        <OlderLines feed={feed} isFiltered={isFiltered} />
        {feed.events.map(event => (
          <EventLine key={event.offset} event={event} day={dayOf(last)} />
        ))}
      </div>
      {feed.waiting > 0 ? (
        <button type="button" className="tt-new" onClick={toEnd}>
          {words._n('%2 new', '%2 new', feed.waiting, formatCount(feed.waiting))} ↓
        </button>
      ) : null}
    </div>
  );
}

function OlderLines({ feed, isFiltered }: { feed: EventFeed; isFiltered: boolean }) {
  const words = useWords();
  return (
    <Older
      feed={feed}
      className="tt-log-older tt-faint"
      more={words.__('Earlier lines')}
      end={feed.events.length === 0 && isFiltered ? words.__('No line matches.') : null}
    />
  );
}

/** The same for all times of a day, so that lines aren't drawn again as others come. */
function dayOf(time: number): number {
  return new Date(time / 1000).setHours(12, 0, 0, 0) * 1000;
}

const EventLine = memo(function EventLine({ event, day }: { event: TreeEvent; day: number }) {
  const { level, message } = event.data;
  const time = formatClock(parseTime(event.timestamp) ?? event.at, day, true);
  return <Line level={String(level)} message={String(message)} time={time} />;
});

function Line({ level, message, time }: { level: string; message: string; time: string }) {
  const words = useWords();
  const isPlain = level === 'info' || level === 'debug';
  return (
    <div className={`tt-log-line tt-log-${LEVELS.includes(level as LogLevel) ? level : 'info'}`}>
      <span className="tt-log-time">{time}</span>{' '}
      <span className={isPlain ? 'tt-log-level' : 'tt-log-level tt-chip'}>{levelName(words, level)}</span>{' '}
      <span className="tt-log-message">{seenLines(message)}</span>
    </div>
  );
}
