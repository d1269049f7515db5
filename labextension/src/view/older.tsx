import type { EventFeed } from '../core/feed.js';
import { told, useWords } from './words.js';

interface Props {
  feed: EventFeed;
  className: string;
  /** What leads further back: `Earlier lines`. */
  more: string;
  /** What was found so far, where that is to be said beside it. */
  soFar?: string | null;
  /** Said while it is looked for, in place of `looking …`. */
  looking?: string | null;
  /** Said where there is nothing more; null: nothing is. */
  end?: string | null;
}

/** At the older end of what is read of a log: how to go on, and what became of it. */
export function Older({ feed, className, more, soFar = null, looking = null, end = null }: Props) {
  const words = useWords();
  const button = (label: string) => (
    <button type="button" className="tt-link" onClick={() => feed.loadOlder()}>
      {label}
    </button>
  );
  switch (feed.older) {
    case 'loading':
      return <p className={className}>{looking ?? words.__('looking …')}</p>;
    case 'failed':
      return (
        <p className={className}>
          <span className="tt-warning">{told(words, feed.error ?? '')}</span> {button(words.__('Retry'))}
        </p>
      );
    case 'idle':
      return (
        <p className={className}>
          {soFar === null ? null : `${soFar} `}
          {button(more)}
        </p>
      );
    case 'end':
      return end === null ? null : <p className={className}>{end}</p>;
  }
}
