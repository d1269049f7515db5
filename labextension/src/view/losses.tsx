import type { TreeReader } from '../core/reader.js';
import { MAX_NODES } from '../core/tree.js';
import { formatCount } from './format.js';
import { useWords } from './words.js';

/** A gap is never silent. */
export function Losses({ tree: { dropped = 0, overflow = 0 } }: { tree: TreeReader }) {
  const words = useWords();
  const lost = [
    dropped > 0
      ? words._n(
          'In this project, 1 event is missing: it never reached the server, or the file that held it was damaged.',
          'In this project, %2 events are missing: they never reached the server, or the file that held them was damaged.',
          dropped,
          formatCount(dropped)
        )
      : null,
    overflow > 0
      ? words._n(
          'In this project, 1 event was about a task beyond the first %3, which isn’t shown.',
          'In this project, %2 events were about tasks beyond the first %3, which aren’t shown.',
          overflow,
          formatCount(overflow),
          formatCount(MAX_NODES)
        )
      : null
  ].filter(text => text !== null);
  return lost.length > 0 ? (
    <p className="tt-notice" role="status">
      {lost.join(' ')}
    </p>
  ) : null;
}
