import type { Rollup } from '../../core/reader.js';
import { formatCount, formatPercent, shortCount } from '../format.js';
import { countText } from '../node.js';
import { Shortened } from '../shortened.js';
import { useWords } from '../words.js';

export function Twisty({ open }: { open: boolean | null }) {
  return (
    <span className={`tt-twisty${open ? ' tt-open' : ''}`} data-twisty={open !== null} aria-hidden="true">
      {open === null ? null : (
        <svg viewBox="0 0 10 10" width="10" height="10" focusable="false">
          <path d="M3 1.5 7 5 3 8.5z" />
        </svg>
      )}
    </span>
  );
}

/** How many there are of what the title names. */
export function Times({ count }: { count: number }) {
  const words = useWords();
  const written = formatCount(count);
  return (
    <span className="tt-times">
      <span aria-hidden="true">×{written}</span>
      <span className="tt-hidden">{words._n('%2 task', '%2 tasks', count, written)}</span>
    </span>
  );
}

/** What is told beside a title. Where there is room for hardly a letter, nothing is. */
export function Message({
  text,
  title = text,
  isStale
}: {
  text: string;
  title?: string;
  isStale?: boolean;
}) {
  return (
    <span className={`tt-message${isStale ? ' tt-stale' : ''}`} title={title}>
      <span className="tt-message-text">{text}</span>
    </span>
  );
}

/** How many have ended, of how many; with little room, how much of it has: exact numbers stand in the header, and aren't rounded here. */
export function CountCell({ rollup }: { rollup: Rollup }) {
  const exact = countText(rollup);
  const short = exact === countText(rollup, shortCount) ? exact : formatPercent(rollup.progress);
  return (
    <div role="gridcell" className="tt-number tt-cell-count" title={exact === short ? undefined : exact}>
      <Shortened exact={exact} short={short} />
    </div>
  );
}
