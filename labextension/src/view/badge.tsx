import { formatCount } from './format.js';
import { staleCount, statusCount, statusName } from './status.js';
import { StaleIcon, StatusIcon } from './status-icon.js';
import { useWords } from './words.js';

/** How many leaves below are running or failed; where there is no room, the shape stands for the word. */
export function Badge({ status, count }: { status: 'running' | 'failed'; count: number }) {
  const words = useWords();
  if (count === 0) {
    return null;
  }
  const written = formatCount(count);
  return (
    <span
      className={`tt-chip tt-badge tt-badge-${status}`}
      title={statusCount(words, status, count, written)}
    >
      <StatusIcon status={status} hidden />
      {written}
      <span className="tt-badge-word"> {statusName(words, status)}</span>
    </span>
  );
}

export function StaleBadge({ count }: { count: number }) {
  const words = useWords();
  if (count === 0) {
    return null;
  }
  const written = formatCount(count);
  return (
    <span className="tt-chip tt-badge tt-stale" title={staleCount(words, count, written)}>
      <StaleIcon label="" hidden />
      {written}
      <span className="tt-badge-word"> {words.__('stale')}</span>
    </span>
  );
}
