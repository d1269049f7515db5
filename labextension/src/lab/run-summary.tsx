import type { TreeReader } from '../core/reader.js';
import { usualDuration } from '../core/typical.js';
import {
  elapsed,
  formatCount,
  formatElapsed,
  listed,
  stalenessOf,
  statusName,
  useWords,
  type Words
} from '../view/index.js';
import type { StaleTasks } from '../core/presence.js';
import type { Run } from './runs.js';

/** The last so many: more are no figure any more. */
const SHOWN = 10;
const BAR = 5;
const APART = 2;
const HEIGHT = 14;

interface Props {
  tree: TreeReader;
  /** Newest first. */
  runs: readonly Run[];
  /** How many there are in all. */
  total: number;
  stale: StaleTasks;
  /** Microseconds since 1970. */
  now: number;
}

interface Took {
  run: Run;
  /** Microseconds. */
  duration: number;
}

/** What came before the newest run, how long it usually takes, and how long the last ones took. */
export function RunSummary({ tree, runs, total, stale, now }: Props) {
  const words = useWords();
  const [newest] = runs;
  if (!newest || total < 2) {
    return null;
  }
  const usual = usualDuration(tree, newest.id);
  const staleness = stalenessOf(tree, stale);
  const took = runs
    .slice(0, SHOWN)
    .flatMap(run => {
      const duration = elapsed(tree, run.id, now, staleness);
      return duration === null ? [] : [{ run, duration }];
    })
    .reverse();
  return (
    <div className="tt-run-summary">
      <span className="tt-run-summary-count">
        {words._n('%2 earlier run', '%2 earlier runs', total - 1, formatCount(total - 1))}
      </span>
      {usual ? (
        <span className="tt-run-summary-usual">
          {words.__('usually %1', formatElapsed(usual.median, true))}
        </span>
      ) : null}
      {took.length > 1 ? <Durations took={took} /> : null}
    </div>
  );
}

/** A bar a run: what failed stands on a line, and what still runs is hollow. */
function Durations({ took }: { took: readonly Took[] }) {
  const words = useWords();
  const longest = Math.max(...took.map(({ duration }) => duration), 1);
  const width = took.length * (BAR + APART) - APART;
  const label = words.__(
    'How long the last runs took: %1',
    listed(
      words,
      took.map(each => tookText(words, each))
    )
  );
  return (
    <svg
      className="tt-run-bars"
      viewBox={`0 0 ${width} ${HEIGHT}`}
      width={width}
      height={HEIGHT}
      role="img"
      aria-label={label}
      focusable="false"
    >
      <title>{label}</title>
      {took.map(({ run, duration }, index) => {
        const height = Math.max(2, (duration / longest) * (HEIGHT - 3));
        const x = index * (BAR + APART);
        const y = HEIGHT - 2 - height;
        const isUnderWay = run.status === 'running' || run.status === 'review';
        return (
          <g key={run.id} className={`tt-run-bar tt-run-bar-${run.status}`}>
            {isUnderWay ? (
              <rect x={x + 0.5} y={y + 0.5} width={BAR - 1} height={Math.max(1, height - 1)} fill="none" />
            ) : (
              <rect x={x} y={y} width={BAR} height={height} />
            )}
            {run.status === 'failed' ? <rect x={x} y={HEIGHT - 1} width={BAR} height={1} /> : null}
          </g>
        );
      })}
    </svg>
  );
}

/** `run 3 1:40 failed`; what went well needs no word. */
function tookText(words: Words, { run, duration }: Took): string {
  const parts = [words.__('run %1', formatCount(run.run)), formatElapsed(duration)];
  return [...parts, ...(run.status === 'completed' ? [] : [statusName(words, run.status)])].join(' ');
}
