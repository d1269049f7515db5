import { formatCount, shortCount } from './format.js';
import { Shortened } from './shortened.js';
import { staleCount, statusCount, statusName } from './status.js';
import { StaleIcon, StatusIcon } from './status-icon.js';
import { useWords } from './words.js';

/** How many leaves below are running or failed; where there is no room, the shape stands for the word, and the number is short. */
export function Badge({ status, count }: { status: 'running' | 'failed'; count: number }) {
  const words = useWords();
  if (count === 0) {
    return null;
  }
  return (
    <span
      className={`tt-chip tt-badge tt-badge-${status}`}
      title={statusCount(words, status, count, formatCount(count))}
    >
      <StatusIcon status={status} hidden />
      <Shortened exact={formatCount(count)} short={shortCount(count)} />
      <span className="tt-badge-word"> {statusName(words, status)}</span>
    </span>
  );
}

export function StaleBadge({ count }: { count: number }) {
  const words = useWords();
  if (count === 0) {
    return null;
  }
  return (
    <span className="tt-chip tt-badge tt-stale" title={staleCount(words, count, formatCount(count))}>
      <StaleIcon label="" hidden />
      <Shortened exact={formatCount(count)} short={shortCount(count)} />
      <span className="tt-badge-word"> {words.__('stale')}</span>
    </span>
  );
}

/** What is first here stays where there is no room for all. */
export function Badges({ running, stale, failed }: { running: number; stale: number; failed: number }) {
  return running + stale + failed === 0 ? null : (
    <span className="tt-badges">
      <Badge status="failed" count={failed} />
      <StaleBadge count={stale} />
      <Badge status="running" count={running} />
    </span>
  );
}
