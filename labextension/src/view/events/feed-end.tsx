import type { EventFeed } from '../../core/feed.js';
import { formatCount } from '../format.js';
import { Older } from '../older.js';
import { useWords } from '../words.js';

interface Props {
  feed: EventFeed;
  isFiltered: boolean;
  hasHistory: boolean;
}

/** How far back the list goes, and how to go on. */
export function FeedEnd({ feed, isFiltered, hasHistory }: Props) {
  const words = useWords();
  const isEmpty = feed.events.length === 0;
  const reach = feed.reach ?? 0;
  return (
    <Older
      feed={feed}
      className="tt-nothing"
      more={words.__('Earlier events')}
      soFar={isEmpty ? words.__('Nothing found down to event %1.', formatCount(reach)) : null}
      looking={
        isEmpty && isFiltered && reach > 0
          ? words.__('looking; nothing found down to event %1 …', formatCount(reach))
          : null
      }
      end={ending()}
    />
  );

  function ending(): string {
    if (!hasHistory) {
      return isEmpty ? words.__('Nothing happened since this view was opened.') : '';
    }
    if (feed.trimmed > 0) {
      return words.__('What came before event %1 the server has let go.', formatCount(feed.trimmed + 1));
    }
    if (isEmpty) {
      return isFiltered ? words.__('Nothing matches.') : words.__('Nothing has happened yet.');
    }
    return isFiltered ? words.__('No earlier event matches.') : words.__('This was the first event.');
  }
}
