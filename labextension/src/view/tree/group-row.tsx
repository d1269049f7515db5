import type { TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { Badges } from '../badge.js';
import { Bar, progressText, segments } from '../bar.js';
import { formatElapsed } from '../format.js';
import { useStaleness } from '../staleness.js';
import { useWords } from '../words.js';
import { timeLeftOf } from './estimate.js';
import { figures } from './figures.js';
import { CountCell, Message, Times, Twisty } from './row-parts.js';
import type { GroupRow } from './rows.js';

interface Props {
  tree: TreeReader;
  row: GroupRow;
  indent: React.CSSProperties;
  now: number | null;
  ticks: boolean;
}

/** Siblings that are alike, in one row. */
export function GroupCells({ tree, row, indent, now, ticks }: Props) {
  const words = useWords();
  const staleness = useStaleness();
  const { alike } = row;
  const rollup = alike.rollup(tree);
  const stale = alike.staleLeaves(staleness);
  const running = (rollup.counts.running ?? 0) + (rollup.counts.review ?? 0);
  const isHeard = running > stale;
  const until = running > 0 ? (isHeard ? now : null) : alike.endedAt;
  const elapsed = alike.startedAt === null || until === null ? null : until - alike.startedAt;
  const live = isHeard && ticks ? now : null;
  const left = live === null ? null : timeLeftOf(alike, tree, row.parent, live, staleness);
  const isWhole = tree.omitted(row.parent) === null;
  const message = isWhole ? figures(words, { alike, now: live, left }).join(' · ') : '';
  return (
    <>
      <div role="gridcell" className="tt-name tt-group" style={indent}>
        <span className="tt-guides" />
        <Twisty open={row.open} />
        <StackIcon />
        <span className="tt-title" title={seenLine(alike.label)}>
          {seenLine(alike.label)}
        </span>
        <Times count={alike.members.length} />
        <Badges running={(rollup.counts.running ?? 0) - stale} stale={stale} failed={rollup.failures} />
        {message ? <Message text={message} /> : null}
      </div>
      <div role="gridcell" className="tt-cell-bar">
        <Bar parts={segments(rollup)} stale={stale > 0 && !isHeard} />
        <span className="tt-hidden">{progressText(words, rollup, stale)}</span>
      </div>
      <CountCell rollup={rollup} />
      <div role="gridcell" className="tt-number tt-cell-elapsed">
        {elapsed === null ? (running > 0 ? '—' : '') : formatElapsed(Math.max(0, elapsed), ticks && isHeard)}
      </div>
    </>
  );
}

function StackIcon() {
  return (
    <svg className="tt-icon" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
      <path d="M2.5 4h9M2.5 7h9M2.5 10h9" className="tt-stroke" />
    </svg>
  );
}
