import type { EventFeed } from '../../core/feed.js';
import { formatCount } from '../format.js';
import { told, useWords } from '../words.js';

interface Props {
  feed: EventFeed;
  isFiltered: boolean;
  hasHistory: boolean;
}

/** How far back the list goes, and how to go on. */
export function FeedEnd({ feed, isFiltered, hasHistory }: Props) {
  const words = useWords();
  const count = feed.events.length;
  const reach = feed.reach ?? 0;
  switch (feed.older) {
    case 'loading':
      return (
        <p className="tt-nothing">
          {count === 0 && isFiltered && reach > 0
            ? words.__('looking; nothing found down to event %1 …', formatCount(reach))
            : words.__('looking …')}
        </p>
      );
    case 'failed':
      return (
        <p className="tt-nothing">
          <span className="tt-warning">{told(words, feed.error ?? '')}</span>{' '}
          <button type="button" className="tt-link" onClick={() => feed.loadOlder()}>
            {words.__('Retry')}
          </button>
        </p>
      );
    case 'idle':
      return (
        <p className="tt-nothing">
          {count === 0 ? `${words.__('Nothing found down to event %1.', formatCount(reach))} ` : null}
          <button type="button" className="tt-link" onClick={() => feed.loadOlder()}>
            {words.__('Earlier events')}
          </button>
        </p>
      );
    case 'end':
      return <p className="tt-nothing">{ending()}</p>;
  }

  function ending(): string {
    if (!hasHistory) {
      return count === 0 ? words.__('Nothing happened since this view was opened.') : '';
    }
    if (feed.trimmed > 0) {
      return words.__('What came before event %1 the server has let go.', formatCount(feed.trimmed + 1));
    }
    if (count === 0) {
      return isFiltered ? words.__('Nothing matches.') : words.__('Nothing has happened yet.');
    }
    return isFiltered ? words.__('No earlier event matches.') : words.__('This was the first event.');
  }
}
