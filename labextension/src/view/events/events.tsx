import { useMemo, useState } from 'react';
import { EventSearch } from '../../core/event-search.js';
import { EventFeed } from '../../core/feed.js';
import type { EventQuery } from '../../core/history.js';
import { parseQuery } from '../../core/query.js';
import { wants } from '../../core/wanted.js';
import { useDebounced } from '../debounced.js';
import { historyOf } from '../details/scene.js';
import { formatClock } from '../format.js';
import { nameOf } from '../node.js';
import { useRemembered } from '../memory.js';
import { useOpened } from '../opened.js';
import type { PartProps } from '../part.js';
import { useWords } from '../words.js';
import { KNOWN_TYPES, typeName } from './described.js';
import { EventList } from './event-list.js';

/** Whose events. */
type Scope = 'project' | 'run' | 'task';

const EVERY_TYPE = '';

/**
 * The log, newest first: what just happened stands at the top in any height, and paging back to the first event is scrolling down, as
 * far as one likes.
 */
export function Events(props: PartProps) {
  const { projectId, tree, roots, follow, hub, selected, query, withOmittedRoots } = props;
  const words = useWords();
  const [type, setType] = useRemembered('events.type', kept =>
    typeof kept === 'string' ? kept : EVERY_TYPE
  );
  const [chosen, setScope] = useRemembered<Scope>('events.scope', scopeOf);
  const [others, setOthers] = useState<readonly string[]>([]);
  const text = useDebounced(query?.text ?? '');
  const search = useMemo(() => {
    const asked = parseQuery(text);
    return asked && new EventSearch(asked, tree);
  }, [text, tree]);
  const history = historyOf(hub, projectId);
  const stream = follow?.stream ?? null;
  const scope =
    (chosen === 'task' && selected === null) || (chosen === 'run' && withOmittedRoots) ? 'project' : chosen;
  // A selection counts only where it is asked for: else each click would begin the list anew.
  const nodeIds = scope === 'project' ? [] : scope === 'task' && selected !== null ? [selected] : roots;
  const key = JSON.stringify(nodeIds);
  const feed = useOpened(() => {
    const wanted: EventQuery = {
      types: type === EVERY_TYPE ? [] : [type],
      nodeIds: JSON.parse(key) as string[],
      below: true
    };
    const matches = wants(wanted, () => tree);
    return new EventFeed({ projectId: projectId ?? '', history, stream, query: wanted, matches, search });
  }, [projectId, history, stream, tree, type, key, search]);
  const unknown = feed.events.map(event => event.type).filter(each => !KNOWN_TYPES.includes(each));
  const seen = [
    ...new Set([...others, ...unknown, ...(KNOWN_TYPES.includes(type) || type === EVERY_TYPE ? [] : [type])])
  ];
  if (seen.length > others.length) {
    setOthers(seen.slice(0, 50));
  }
  const newest = feed.events.at(-1);
  return (
    <div className={`tt-events tt-${props.layout}`}>
      <div className="tt-events-tools" role="group" aria-label={words.__('Which events')}>
        <select
          className="tt-field"
          value={type}
          aria-label={words.__('Type of event')}
          onChange={event => setType(event.target.value)}
        >
          <option value={EVERY_TYPE}>{words.__('All types')}</option>
          {[...KNOWN_TYPES, ...seen].map(each => (
            <option key={each} value={each}>
              {typeName(words, each)}
            </option>
          ))}
        </select>
        <select
          className="tt-field"
          value={scope}
          aria-label={words.__('Of which tasks')}
          onChange={event => setScope(scopeOf(event.target.value))}
        >
          <option value="project">{words.__('Whole project')}</option>
          {withOmittedRoots ? null : <option value="run">{words.__('This run')}</option>}
          {selected === null ? null : (
            <option value="task">{words.__('%1 and below', nameOf(tree, selected))}</option>
          )}
        </select>
        {newest && dayOf(newest.at) !== dayOf(props.today * 1000) ? (
          <span className="tt-events-note">
            {words.__('the last at %1', formatClock(newest.at, props.today * 1000))}
          </span>
        ) : null}
        {history ? null : (
          <span className="tt-events-note">
            {words.__('Since this view was opened; what happened before needs the server.')}
          </span>
        )}
      </div>
      {search?.isUnsayable ? (
        <p className="tt-nothing" role="status">
          {words.__('No event says that a task is stale: see Tree or Table for those that are.')}
        </p>
      ) : (
        <EventList
          key={`${type} ${key} ${text}`}
          feed={feed}
          tree={tree}
          day={dayOf(newest?.at ?? 0)}
          layout={props.layout}
          isFiltered={type !== EVERY_TYPE || scope !== 'project' || text !== ''}
          hasHistory={history !== null}
          onSelect={props.onSelect}
        />
      )}
    </div>
  );
}

/** The same for all times of a day. */
function dayOf(time: number): number {
  return new Date(time / 1000).setHours(12, 0, 0, 0) * 1000;
}

function scopeOf(kept: unknown): Scope {
  return kept === 'run' || kept === 'task' ? kept : 'project';
}
