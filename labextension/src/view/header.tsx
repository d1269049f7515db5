import type { Rollup, Status, TreeReader } from '../core/reader.js';
import { Bar, progressText, segments } from './bar.js';
import { ConnectionBadge } from './connection-badge.js';
import type { ViewState } from './connection.js';
import { formatClock, formatCount, formatElapsed, silenceText } from './format.js';
import type { Mission } from './missions.js';
import { timeLeft } from './tree/estimate.js';
import { leftText } from './tree/figures.js';
import { useStaleness } from './staleness.js';
import { endedLeaves, staleCount, statusCount, statusName } from './status.js';
import { StaleIcon, StatusIcon } from './status-icon.js';
import { elapsed, isHeard } from './elapsed.js';
import { titleOf } from './node.js';
import { useWords, type Words } from './words.js';

/** Stands for every run of the project at once. */
export const ALL_RUNS = '\u0000all';
/** More runs than this in a menu are no help; the panel lists them. */
const LISTED_RUNS = 50;

interface Props {
  tree: TreeReader;
  /** The mission shown, or null for all of them. */
  mission: string | null;
  missions: readonly Mission[];
  projectTitle: string;
  onMission: (id: string) => void;
  now: number | null;
  today: number;
  ticks: boolean;
  /** Null: the connection is told elsewhere. */
  state: ViewState | null;
  storedAt: number | null;
  onRetry?: () => void;
  /** What somebody should look at. */
  attention?: React.ReactNode;
  search?: React.ReactNode;
  /** What chooses the part that is shown. */
  parts?: React.ReactNode;
  /** Room for the buttons of the part that is shown. */
  partTools?: React.ReactNode;
  tools?: React.ReactNode;
}

export function Header(props: Props) {
  const { tree, mission, missions, projectTitle, onMission, now, today, ticks } = props;
  const words = useWords();
  const node = mission === null ? undefined : tree.node(mission);
  const rollup = node ? tree.rollup(node.node_id) : sumOf(tree);
  const stale = useStaleness();
  const time = node ? elapsed(tree, node.node_id, now, stale) : null;
  const left = node && ticks ? timeLeft(tree, node.node_id, now, stale) : null;
  const heard = node ? isHeard(tree, node.node_id, stale) : false;
  const since = node ? stale.since(node.node_id) : null;
  const silence = since === null ? null : silenceText(words, since, today * 1000);
  const staleLeaves = (node ? [node.node_id] : tree.roots).reduce((sum, id) => sum + stale.count(id), 0);
  const title = node ? titleOf(node) : projectTitle;
  return (
    <>
      <div className="tt-header">
        <div className="tt-header-name">
          {silence !== null ? <StaleIcon label={silence} /> : null}
          {node && silence === null ? <StatusIcon status={node.status} /> : null}
          <h2 className="tt-mission" title={title}>
            {title}
          </h2>
          <RunMenu tree={tree} mission={mission} missions={missions} onMission={onMission} today={today} />
        </div>
        <div className="tt-stats">
          <span className="tt-stats-counts">
            {silence === null ? null : <span className="tt-stat tt-stale">{silence}</span>}
            <Stats rollup={rollup} stale={staleLeaves} />
          </span>
          {time === null ? null : (
            <span className="tt-stats-times">
              <span className="tt-stat tt-stat-time">{formatElapsed(time, ticks && heard)}</span>
              {left === null ? null : <span className="tt-stat tt-stat-left">{leftText(words, left)}</span>}
            </span>
          )}
        </div>
        {props.attention}
        {props.search}
        {props.parts}
        {props.partTools}
        {props.state ? (
          <ConnectionBadge state={props.state} storedAt={props.storedAt} onRetry={props.onRetry} />
        ) : null}
        {props.tools}
        <span className="tt-hidden" role="status">
          {node ? words.__('%1: %2', title, silence ?? statusName(words, node.status)) : ''}
        </span>
      </div>
      <Bar parts={segments(rollup)} className="tt-bar tt-mission-bar" stale={silence !== null} />
      <span className="tt-hidden">{progressText(words, rollup, staleLeaves)}</span>
    </>
  );
}

/** What matters most first: in a narrow view the last ones give way. */
function Stats({ rollup, stale }: { rollup: Rollup; stale: number }) {
  const words = useWords();
  const { failures } = rollup;
  const { skipped = 0 } = rollup.counts;
  const running = (rollup.counts.running ?? 0) - stale;
  const count = (status: Status, n: number) => statusCount(words, status, n, formatCount(n));
  return (
    <>
      <span className="tt-stat">
        {formatCount(endedLeaves(rollup.counts))} / {formatCount(Math.max(0, rollup.total - skipped))}
      </span>
      {failures > 0 ? <span className="tt-stat tt-stat-failed">{count('failed', failures)}</span> : null}
      {stale > 0 ? (
        <span className="tt-stat tt-stale">{staleCount(words, stale, formatCount(stale))}</span>
      ) : null}
      {running > 0 ? <span className="tt-stat">{count('running', running)}</span> : null}
      {skipped > 0 ? <span className="tt-stat tt-stat-minor">{count('skipped', skipped)}</span> : null}
    </>
  );
}

function sumOf(tree: TreeReader): Rollup {
  const sum: Rollup = { leaves: 0, total: 0, done: 0, progress: 0, failures: 0, counts: {} };
  for (const id of tree.roots) {
    const rollup = tree.rollup(id);
    sum.leaves += rollup.leaves;
    sum.total += rollup.total;
    sum.done += rollup.done;
    sum.failures += rollup.failures;
    for (const [status, count] of Object.entries(rollup.counts) as [Status, number][]) {
      sum.counts[status] = (sum.counts[status] ?? 0) + count;
    }
  }
  const whole = sum.total - (sum.counts.skipped ?? 0);
  sum.progress = whole > 0 ? Math.floor(sum.done / whole) : 1000;
  return sum;
}

interface RunMenuProps {
  tree: TreeReader;
  mission: string | null;
  missions: readonly Mission[];
  onMission: (id: string) => void;
  today: number;
}

/** Which run is shown; the earlier ones stand behind it. */
function RunMenu({ tree, mission, missions, onMission, today }: RunMenuProps) {
  const words = useWords();
  if (missions.length < 2) {
    return null;
  }
  const chosen = missions.find(each => each.id === mission);
  const listed = missions.slice(0, LISTED_RUNS);
  if (chosen && !listed.includes(chosen)) {
    listed.push(chosen);
  }
  const option = (each: Mission) => (
    <option key={each.id} value={each.id}>
      {describe(words, tree, each, today)}
    </option>
  );
  const [newest, ...earlier] = listed;
  return (
    <span className="tt-run">
      <span className="tt-chip tt-run-chip" aria-hidden="true">
        {chosen ? words.__('run %1', formatCount(chosen.run)) : words.__('all runs')} ▾
      </span>
      <select
        className="tt-run-select"
        aria-label={words.__('Run')}
        title={words.__('Earlier runs')}
        value={mission ?? ALL_RUNS}
        onChange={event => onMission(event.target.value)}
      >
        {newest ? <optgroup label={words.__('Newest run')}>{option(newest)}</optgroup> : null}
        <optgroup label={words.__('Earlier runs')}>{earlier.map(option)}</optgroup>
        <option value={ALL_RUNS}>{words.__('All runs (%1)', formatCount(missions.length))}</option>
      </select>
    </span>
  );
}

function describe(words: Words, tree: TreeReader, { id, run, createdAt }: Mission, today: number): string {
  const node = tree.node(id);
  const parts = [words.__('run %1', formatCount(run))];
  if (node) {
    parts.push(titleOf(node), statusName(words, node.status));
  }
  if (createdAt !== null) {
    parts.push(formatClock(createdAt, today * 1000));
  }
  return parts.join(' · ');
}
