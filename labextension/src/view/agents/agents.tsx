import { useState } from 'react';
import { fieldsOfTasks, isLookedFor } from '../../core/agent-search.js';
import { AgentSurvey } from '../../core/agent-survey.js';
import { spentByAll, type AgentRow } from '../../core/agents.js';
import type { Query } from '../../core/query.js';
import { isSilent, type Spent } from '../../core/reports.js';
import { seenLine } from '../../core/seen.js';
import { formatClock, formatCount, formatElapsed, silenceText } from '../format.js';
import { formatCost } from '../money.js';
import { nameOf } from '../node.js';
import { useOpened } from '../opened.js';
import type { PartProps } from '../part.js';
import { useStaleness, type Staleness } from '../staleness.js';
import { StaleIcon, StatusIcon } from '../status-icon.js';
import { listed, useWords, type Words } from '../words.js';

/** More than these are shown only to who asks for them. */
const STEP = 200;

/** Who does what since when, and what it has cost so far. */
export function Agents(props: PartProps) {
  const { tree, roots, query } = props;
  const words = useWords();
  const stale = useStaleness();
  const [most, setMost] = useState(STEP);
  const survey = useOpened(() => new AgentSurvey(tree, roots), [tree, roots]);
  const all = survey.rows;
  if (!all) {
    return <p className="tt-nothing">{words.__('counting …')}</p>;
  }
  const isStale = ({ current }: AgentRow) => current !== null && stale.since(current) !== null;
  const rows = query ? all.filter(row => isLookedFor(tree, row, query, isStale(row))) : all;
  const spent = spentByAll(rows);
  return (
    <div className={`tt-agents tt-${props.layout}`}>
      {rows.length === 0 ? (
        <p className="tt-nothing">
          {query ? nothing(words, query) : words.__('No agent is at work in this run.')}
        </p>
      ) : (
        <table className="tt-agent-table">
          <caption className="tt-hidden">{words.__('Agents')}</caption>
          <thead>
            <tr>
              <th scope="col">{words.__('Agent')}</th>
              <th scope="col">{words.__('Task')}</th>
              <th scope="col" className="tt-number">
                {words.__('Since')}
              </th>
              <th scope="col" className="tt-number">
                {words.__('Last word')}
              </th>
              <th scope="col" className="tt-number">
                {words.__('Done')}
              </th>
              <th scope="col" className="tt-number">
                {words.__('Failed')}
              </th>
              {spent ? (
                <>
                  <th scope="col" className="tt-number">
                    {words.__('Tokens')}
                  </th>
                  <th scope="col" className="tt-number">
                    {words.__('Cost')}
                  </th>
                </>
              ) : null}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map(row => (
              <AgentLine key={row.name} row={row} props={props} withSpent={spent !== null} />
            ))}
          </tbody>
          {spent && rows.length > 1 ? (
            <tfoot>
              <tr>
                <th scope="row" colSpan={4}>
                  {words.__('All together')}
                </th>
                <td className="tt-number" data-label={words.__('Done')}>
                  {formatCount(total(rows, row => row.completed))}
                </td>
                <td className="tt-number" data-label={words.__('Failed')}>
                  {formatCount(total(rows, row => row.failed))}
                </td>
                <SpentCells spent={spent} />
              </tr>
            </tfoot>
          ) : null}
        </table>
      )}
      {rows.length > most ? (
        <button type="button" className="tt-link tt-agents-more" onClick={() => setMost(most + STEP)}>
          {words._n('%2 more', '%2 more', rows.length - most, formatCount(rows.length - most))}
        </button>
      ) : null}
    </div>
  );
}

function total(rows: readonly AgentRow[], of: (row: AgentRow) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0);
}

/** A task that has ended is nobody's any more: here its fields find nobody. */
function nothing(words: Words, query: Query): string {
  const asked = fieldsOfTasks(query);
  return asked.length === 0
    ? words.__('Nothing matches.')
    : words.__('Nothing matches. Here %1 asks for the task that an agent is at.', listed(words, asked));
}

function AgentLine({ row, props, withSpent }: { row: AgentRow; props: PartProps; withSpent: boolean }) {
  const { tree, now, today, ticks, selected, onSelect, onSearch } = props;
  const words = useWords();
  const stale = useStaleness();
  const silence = silenceOf(words, row, now, today, stale);
  const { current, since } = row;
  const node = current === null ? undefined : tree.node(current);
  const name = seenLine(row.name);
  return (
    <tr className={`tt-agent-row${current !== null && current === selected ? ' tt-selected' : ''}`}>
      <th scope="row" className="tt-agent-name">
        <AgentIcon row={row} silence={silence} />
        <button
          type="button"
          className="tt-link tt-agent-link"
          title={words.__('Show the tasks of %1', name)}
          onClick={() => onSearch(`agent:${/\s/.test(row.name) ? `"${row.name}"` : row.name}`)}
        >
          {name}
        </button>
        {row.state === null ? null : <span className="tt-chip">{seenLine(row.state)}</span>}
      </th>
      <td className="tt-agent-task">
        {node && current !== null ? (
          <button type="button" className="tt-link" onClick={() => onSelect(current)}>
            {nameOf(tree, current)}
          </button>
        ) : (
          <span className="tt-faint">{row.doing === null ? '—' : seenLine(row.doing)}</span>
        )}
        {row.running > 1 ? (
          <span className="tt-faint">
            {' '}
            {words._n('and %2 more', 'and %2 more', row.running - 1, formatCount(row.running - 1))}
          </span>
        ) : null}
        {silence === null ? null : <span className="tt-agent-silence">{silence}</span>}
      </td>
      <td className="tt-number" data-label={words.__('Since')}>
        {since === null || now === null ? '—' : formatElapsed(Math.max(0, now - since), ticks)}
      </td>
      <td className="tt-number" data-label={words.__('Last word')}>
        {row.heardAt === null ? '—' : formatClock(row.heardAt, today * 1000, true)}
      </td>
      <td className="tt-number" data-label={words.__('Done')}>
        {formatCount(row.completed)}
      </td>
      <td className={`tt-number${row.failed > 0 ? ' tt-stat-failed' : ''}`} data-label={words.__('Failed')}>
        {formatCount(row.failed)}
      </td>
      {withSpent ? <SpentCells spent={row.spent} /> : null}
    </tr>
  );
}

/** Also where the process that runs its tasks isn't heard; not where it is us who hear nobody. */
function silenceOf(
  words: Words,
  row: AgentRow,
  now: number | null,
  today: number,
  stale: Staleness
): string | null {
  const since = row.current === null ? null : stale.since(row.current);
  if (since !== null) {
    return silenceText(words, since, today * 1000);
  }
  return isSilent(row, now) && row.heardAt !== null && now !== null
    ? words.__('silent for %1', formatElapsed(now - row.heardAt, true))
    : null;
}

function AgentIcon({ row, silence }: { row: AgentRow; silence: string | null }) {
  if (silence !== null) {
    return <StaleIcon label={silence} />;
  }
  return <StatusIcon status={row.running > 0 || row.silentAfter !== null ? 'running' : 'ready'} hidden />;
}

function SpentCells({ spent }: { spent: Spent | null }) {
  const words = useWords();
  const split =
    spent && spent.input + spent.output > 0
      ? words.__('%1 in, %2 out', formatCount(spent.input), formatCount(spent.output))
      : undefined;
  return (
    <>
      <td className="tt-number" title={split} data-label={words.__('Tokens')}>
        {spent && spent.tokens > 0 ? formatCount(spent.tokens) : '—'}
      </td>
      <td className="tt-number" data-label={words.__('Cost')}>
        {spent && spent.cost > 0 ? formatCost(spent) : '—'}
      </td>
    </>
  );
}
