import type { Rollup, TreeNode, TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { Badges } from '../badge.js';
import { Bar, leafSegments, progressText, segments } from '../bar.js';
import { elapsedText, isHeard } from '../elapsed.js';
import { formatCount, formatCounts, silenceText } from '../format.js';
import { messageOf, percentText, unusualText } from '../node.js';
import { RowSeries } from '../sparkline.js';
import { useStaleness, type Staleness } from '../staleness.js';
import { failuresBelow } from '../status.js';
import { StaleIcon, StatusIcon, UnusualIcon } from '../status-icon.js';
import { Title } from '../title.js';
import { useWords } from '../words.js';
import type { Alike } from './alike.js';
import { FOLD_ABOVE } from './arrange.js';
import { timeLeft } from './estimate.js';
import { familiesOf } from './families.js';
import { figures } from './figures.js';
import { GroupCells } from './group-row.js';
import type { NodeRow, Row } from './rows.js';
import { CountCell, Message, Times, Twisty } from './row-parts.js';

/** How deep rows are indented at most: what is deeper says so by `aria-level` alone. */
const DEEPEST_INDENT = 16;

/** Fewer aren't many of a kind. */
const FEWEST_ALIKE = 5;

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
  if (row.kind === 'group') {
    return <GroupCells tree={tree} row={row} indent={indent} now={now} ticks={ticks} />;
  }
  if (row.kind !== 'node') {
    return (
      <div role="gridcell" aria-colspan={4} className="tt-name tt-more" style={indent}>
        <span className="tt-guides" />
        <Twisty open={row.kind === 'rest' ? row.open : null} />
        <span className="tt-icon tt-ellipsis" aria-hidden="true">
          ⋯
        </span>
        <span className="tt-title">
          {formatCounts(words, row.counts, {
            count: row.count,
            stale: row.kind === 'rest' ? row.alike.staleMembers(stale, row.shown) : 0
          })}
        </span>
        {row.kind === 'omitted' ? <Message text={words.__('not kept in this output')} /> : null}
      </div>
    );
  }
  const node = tree.node(row.id);
  if (!node) {
    return null;
  }
  const rollup = tree.rollup(row.id);
  const isGroup = hasChildren(tree, row) || rollup.total > 1;
  return (
    <>
      <Name
        tree={tree}
        row={row}
        node={node}
        rollup={rollup}
        indent={indent}
        now={ticks ? now : null}
        today={today}
      />
      <div role="gridcell" className="tt-cell-bar">
        <Bar parts={isGroup ? segments(rollup) : leafSegments(node)} stale={stale.since(row.id) !== null} />
        {isGroup ? (
          <span className="tt-hidden">{progressText(words, rollup, stale.count(row.id))}</span>
        ) : null}
      </div>
      {isGroup ? (
        <CountCell rollup={rollup} />
      ) : (
        <div role="gridcell" className="tt-number tt-cell-count">
          {percentText(node)}
        </div>
      )}
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
  /** Null unless it is live and moves. */
  now: number | null;
  today: number;
}

function Name({ tree, row, node, rollup, indent, now, today }: NameProps) {
  const staleness = useStaleness();
  const since = staleness.since(row.id);
  const children = tree.children(row.id).length;
  const isGroup = hasChildren(tree, row);
  const stale = isGroup ? staleness.count(row.id) : 0;
  const running = isGroup ? (rollup.counts.running ?? 0) - stale : 0;
  const failed = isGroup ? failuresBelow(node.status, rollup) : 0;
  const words = useWords();
  const silence = since === null ? null : silenceText(words, since, today * 1000);
  const alike = children >= FEWEST_ALIKE ? familiesOf(tree).of(row.id).only : null;
  const said = silence ?? messageOf(words, tree, node);
  // Of those that were kept in a notebook the best isn't the best of all.
  const isWhole = tree.omitted(row.id) === null;
  const told =
    alike && isWhole ? figures(words, { ...toldOf(tree, row.id, alike, now, staleness), said }) : [];
  const message = [said, ...told].filter(Boolean).join(' · ');
  const attempt = words.__('attempt %1', formatCount(node.attempt ?? 1));
  const faint = node.status === 'draft' || node.status === 'ready' || node.status === 'skipped';
  return (
    <div role="gridcell" className="tt-name" style={indent}>
      <span className="tt-guides" />
      <Twisty open={row.open} />
      {silence === null ? <StatusIcon status={node.status} /> : <StaleIcon label={silence} />}
      <Title node={node} faint={faint} />
      {(children > 1 && row.open === false) || (alike && children > FOLD_ABOVE) ? (
        <Times count={children} />
      ) : null}
      {node.unusual ? <UnusualIcon label={unusualText(words, node.unusual)} /> : null}
      <Badges running={running} stale={stale} failed={failed} />
      {node.agent ? <span className="tt-chip tt-agent">{seenLine(node.agent)}</span> : null}
      {(node.attempt ?? 1) > 1 ? (
        <span className="tt-chip tt-attempt" title={attempt}>
          <span aria-hidden="true">↻ {formatCount((node.attempt ?? 1) - 1)}</span>
          <span className="tt-hidden">{attempt}</span>
        </span>
      ) : null}
      {message ? (
        <Message
          text={message}
          title={silence !== null && node.message ? `${silence}: ${node.message}` : message}
          isStale={silence !== null}
        />
      ) : null}
      <RowSeries node={node} />
    </div>
  );
}

/** A row of a parent whose children were left out of a stored tree has them all the same. */
function hasChildren(tree: TreeReader, row: NodeRow): boolean {
  return tree.children(row.id).length > 0 || row.open !== null;
}

/** Of a group whose members are all alike: they are what is left. */
function toldOf(tree: TreeReader, id: string, alike: Alike, now: number | null, stale: Staleness) {
  return { alike, now: isHeard(tree, id, stale) ? now : null, left: timeLeft(tree, id, now, stale) };
}
