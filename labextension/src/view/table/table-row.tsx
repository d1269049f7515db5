import { memo } from 'react';
import type { TreeReader } from '../../core/reader.js';
import { formatClock, formatElapsed, silenceText } from '../format.js';
import { isNamed, titleOf } from '../node.js';
import { useStaleness } from '../staleness.js';
import { StaleIcon, StatusIcon } from '../status-icon.js';
import { useWords } from '../words.js';
import { counts } from './best.js';
import type { ColumnName, Facts } from './facts.js';
import type { ColumnFacts } from './picture.js';
import { cellText } from './text.js';

/** A column with its place. */
export interface Placed {
  column: ColumnFacts;
  /** From 0, among all that are shown. */
  index: number;
  left: number;
  width: number;
  isPinned: boolean;
}

interface Props {
  facts: Facts;
  tree: TreeReader;
  columns: readonly Placed[];
  best: ReadonlyMap<ColumnName, number>;
  /** Column that the keyboard is on, where it is in this row. */
  focused: number | null;
  /** Null where nothing in the row moves. */
  now: number | null;
  ticks: boolean;
  today: number;
}

/** What is inside a row; the row itself, with its place, belongs to the grid. */
export const TableCells = memo(function TableCells(props: Props) {
  const { facts, columns, focused } = props;
  return (
    <>
      {columns.map(({ column, index, left, width, isPinned }) => (
        <div
          key={column.name}
          role="gridcell"
          aria-colindex={index + 1}
          data-column={column.name}
          tabIndex={focused === index ? 0 : -1}
          className={`tt-td${isPinned ? ' tt-pinned' : ''}${column.isNumeric ? ' tt-td-number' : ''}`}
          style={{ left, width }}
        >
          <Cell {...props} facts={facts} column={column.name} decimals={column.decimals} />
        </div>
      ))}
    </>
  );
});

function Cell({
  facts,
  column,
  decimals,
  best,
  now,
  ticks,
  today
}: Props & { column: ColumnName; decimals: number }) {
  const words = useWords();
  const stale = useStaleness();
  const { node } = facts;
  const silentSince = stale.since(facts.id);
  if (column === 'status') {
    return silentSince === null ? (
      <StatusIcon status={node.status} />
    ) : (
      <StaleIcon label={silenceText(words, silentSince, today * 1000)} />
    );
  }
  if (column === 'title') {
    const title = titleOf(node);
    return (
      <span className={`tt-td-text${isNamed(node) ? '' : ' tt-untitled'}`} title={title}>
        {title}
      </span>
    );
  }
  const value = facts.value(column, silentSince ?? now);
  if (typeof value === 'number') {
    if (column === 'started_at' || column === 'ended_at') {
      return <span className="tt-td-text">{formatClock(value, today * 1000, true)}</span>;
    }
    if (column === 'duration') {
      const runs = node.status === 'running' || node.status === 'review';
      return (
        <span className="tt-td-text">{formatElapsed(value, ticks && runs && silentSince === null)}</span>
      );
    }
    if (best.get(column) === value && counts(facts)) {
      return (
        <strong className="tt-td-text tt-best" title={words.__('the best')}>
          <span aria-hidden="true">★ </span>
          {cellText(column, value, decimals)}
          <span className="tt-hidden"> {words.__('the best')}</span>
        </strong>
      );
    }
  }
  const text = cellText(column, value, decimals);
  const isRounded =
    typeof value === 'number' && column !== 'progress' && Number(text.replace('−', '-')) !== value;
  return (
    <span className="tt-td-text" title={isRounded ? String(value) : text.length > 12 ? text : undefined}>
      {text}
    </span>
  );
}
