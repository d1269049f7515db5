import type { Rollup, TreeNode, TreeReader } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { isEnded } from '../core/status.js';
import { Bar, leafSegments, progressText, segments } from './bar.js';
import { formatCount, formatCounts, formatElapsed, formatPercent, silenceText } from './format.js';
import type { NodeRow, Row } from './rows.js';
import { endedLeaves, failuresBelow, staleCount, statusCount, statusName } from './status.js';
import { StaleIcon, StatusIcon, UnusualIcon } from './status-icon.js';
import { errorText, reasonText } from './reasons.js';
import { useStaleness, type Staleness } from './staleness.js';
import { listed, useWords, type Words } from './words.js';

/** How deep rows are indented at most: what is deeper says so by `aria-level` alone. */
const DEEPEST_INDENT = 16;

interface CellsProps {
  tree: TreeReader;
  row: Row;
  /** Microseconds since 1970 up to which running tasks are timed; null: unknown. */
  now: number | null;
  ticks: boolean;
  /** To tell today's times from others, milliseconds since 1970. */
  today: number;
}

/** What is inside a row; the row itself, with its keyboard and its place, belongs to the grid. */
export function RowCells({ tree, row, now, ticks, today }: CellsProps) {
  const words = useWords();
  const stale = useStaleness();
  const indent = { '--tt-level': Math.min(row.level - 1, DEEPEST_INDENT) } as React.CSSProperties;
  if (row.kind !== 'node') {
    return (
      <div role="gridcell" aria-colspan={4} className="tt-name tt-more" style={indent}>
        <span className="tt-guides" />
        <Twisty open={row.kind === 'rest' ? row.open : null} />
        <span className="tt-icon tt-ellipsis" aria-hidden="true">
          ⋯
        </span>
        <span className="tt-title">{formatCounts(words, row.counts, row.count)}</span>
        {row.kind === 'omitted' ? (
          <span className="tt-message">{words.__('not kept in this output')}</span>
        ) : null}
      </div>
    );
  }
  const node = tree.node(row.id);
  if (!node) {
    return null;
  }
  const rollup = tree.rollup(row.id);
  const isGroup = row.children > 0 || rollup.total > 1;
  return (
    <>
      <Name tree={tree} row={row} node={node} rollup={rollup} indent={indent} today={today} />
      <div role="gridcell" className="tt-cell-bar">
        <Bar parts={isGroup ? segments(rollup) : leafSegments(node)} stale={stale.since(row.id) !== null} />
        {isGroup ? (
          <span className="tt-hidden">{progressText(words, rollup, stale.count(row.id))}</span>
        ) : null}
      </div>
      <div role="gridcell" className="tt-number tt-cell-count">
        {isGroup ? countText(rollup) : percentText(node)}
      </div>
      <div role="gridcell" className="tt-number tt-cell-elapsed">
        {elapsedText(tree, row.id, node, now, ticks, stale)}
      </div>
    </>
  );
}

interface NameProps {
  tree: TreeReader;
  row: NodeRow;
  node: TreeNode;
  rollup: Rollup;
  indent: React.CSSProperties;
  today: number;
}

function Name({ tree, row, node, rollup, indent, today }: NameProps) {
  const staleness = useStaleness();
  const since = staleness.since(row.id);
  const stale = row.children > 0 ? staleness.count(row.id) : 0;
  const running = row.children > 0 ? (rollup.counts.running ?? 0) - stale : 0;
  const failed = row.children > 0 ? failuresBelow(node.status, rollup) : 0;
  const words = useWords();
  const silence = since === null ? null : silenceText(words, since, today * 1000);
  const message = silence ?? messageOf(words, tree, node);
  const attempt = words.__('attempt %1', formatCount(node.attempt ?? 1));
  const faint = node.status === 'draft' || node.status === 'ready' || node.status === 'skipped';
  return (
    <div role="gridcell" className="tt-name" style={indent}>
      <span className="tt-guides" />
      <Twisty open={row.open} />
      {silence === null ? <StatusIcon status={node.status} /> : <StaleIcon label={silence} />}
      <Title node={node} faint={faint} />
      {row.children > 1 && row.open === false ? (
        <span className="tt-times">×{formatCount(row.children)}</span>
      ) : null}
      {node.unusual ? <UnusualIcon label={unusualText(words, node.unusual)} /> : null}
      <Badge status="running" count={running} />
      <StaleBadge count={stale} />
      <Badge status="failed" count={failed} />
      {node.agent ? <span className="tt-chip tt-agent">{seenLine(node.agent)}</span> : null}
      {(node.attempt ?? 1) > 1 ? (
        <span className="tt-chip tt-attempt" title={attempt}>
          <span aria-hidden="true">↻ {formatCount((node.attempt ?? 1) - 1)}</span>
          <span className="tt-hidden">{attempt}</span>
        </span>
      ) : null}
      {message ? (
        <span
          className={silence === null ? 'tt-message' : 'tt-message tt-stale'}
          title={silence !== null && node.message ? `${silence}: ${node.message}` : message}
        >
          {message}
        </span>
      ) : null}
    </div>
  );
}

export function Title({ node, faint = false }: { node: TreeNode; faint?: boolean }) {
  const title = titleOf(node);
  const className = `tt-title${faint ? ' tt-faint' : ''}${isNamed(node) ? '' : ' tt-untitled'}`;
  return (
    <span className={className} title={title}>
      {title}
    </span>
  );
}

function Twisty({ open }: { open: boolean | null }) {
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

function isNamed(node: TreeNode): node is TreeNode & { title: string } {
  return node.title !== undefined && node.title !== '';
}

/** A node that nobody named goes by its id. */
export function titleOf(node: TreeNode): string {
  return seenLine(isNamed(node) ? node.title : node.node_id);
}

function nameOf(tree: TreeReader, id: string): string {
  const node = tree.node(id);
  return node ? titleOf(node) : seenLine(id);
}

/** A transition that isn't on the usual path, in words. */
export function unusualText(words: Words, { from, to }: { from: string; to: string }): string {
  return words.__('unusual: from %1 to %2', statusName(words, from), statusName(words, to));
}

function messageOf(words: Words, tree: TreeReader, node: TreeNode): string | null {
  if (node.status === 'failed') {
    return errorText(words, node) ?? (node.message === undefined ? null : seenLine(node.message));
  }
  // The server's word on a process that ended; what the task itself said last is in its details.
  if (node.status === 'cancelled' && node.trigger && node.reason) {
    return reasonText(words, node.reason);
  }
  if (node.message) {
    return seenLine(node.message);
  }
  const waits = node.status === 'draft' || node.status === 'ready';
  if (waits && node.dependencies?.length) {
    const first = node.dependencies.slice(0, 2);
    const titles = listed(
      words,
      first.map(id => nameOf(tree, id))
    );
    const more = node.dependencies.length - first.length;
    return more > 0
      ? words._n('after %3 and %2 more', 'after %3 and %2 more', more, formatCount(more), titles)
      : words.__('after %1', titles);
  }
  return null;
}

export function countText(rollup: Rollup): string {
  const { skipped = 0 } = rollup.counts;
  return `${formatCount(endedLeaves(rollup.counts))}/${formatCount(Math.max(0, rollup.total - skipped))}`;
}

function percentText(node: TreeNode): string {
  if (node.status === 'completed') {
    return formatPercent(1000);
  }
  return typeof node.progress === 'number' && node.status !== 'skipped'
    ? formatPercent(Math.floor(node.progress * 1000 + 0.5))
    : '';
}

/** From the first start to the last end at or below; to `now` while something runs, to its last word where that is stale. */
export function elapsed(tree: TreeReader, id: string, now: number | null, stale: Staleness): number | null {
  const { startedAt, endedAt } = tree.span(id);
  if (startedAt === null) {
    return null;
  }
  const runs = isRunning(tree, id);
  const until = isHeard(tree, id, stale) ? now : runs ? stale.lastWord(id) : endedAt;
  return until === null ? null : Math.max(0, until - startedAt);
}

export function isRunning(tree: TreeReader, id: string): boolean {
  const own = tree.node(id)?.status;
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  return (
    own !== undefined && !isEnded(own) && (own === 'running' || own === 'review' || running + review > 0)
  );
}

/** Whether something at or below is running for certain. */
export function isHeard(tree: TreeReader, id: string, stale: Staleness): boolean {
  if (!isRunning(tree, id) || stale.lastWord(id) === null) {
    return isRunning(tree, id);
  }
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  const isOwn = tree.children(id).length > 0 && stale.since(id) === null && isWorking(tree.node(id)?.status);
  return isOwn || running + review > stale.count(id);
}

function isWorking(status: string | undefined): boolean {
  return status === 'running' || status === 'review';
}

export function elapsedText(
  tree: TreeReader,
  id: string,
  node: TreeNode,
  now: number | null,
  ticks: boolean,
  stale: Staleness
): string {
  const time = elapsed(tree, id, now, stale);
  if (time === null) {
    return isEnded(node.status) ? '' : '—';
  }
  return formatElapsed(time, ticks && isHeard(tree, id, stale));
}
