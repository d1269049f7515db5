import type { TreeNode } from '../../core/reader.js';
import { isEnded } from '../../core/status.js';
import { parseTime } from '../../core/times.js';
import { formatClock, formatElapsed } from '../format.js';
import { statusName } from '../status.js';
import { useWords, type Words } from '../words.js';
import type { Scene } from './scene.js';
import { Section } from './section.js';

interface Stage {
  label: string;
  at: number;
  /** How long until the next; null: not known. */
  long: number | null;
  doing: string | null;
}

/** When it was created, queued, started and ended, and how long each took. */
export function Timings({ scene }: { scene: Scene }) {
  const words = useWords();
  const stages = stagesOf(words, scene.node, scene.now);
  if (stages.length === 0) {
    return null;
  }
  return (
    <Section id="timings" title={words.__('Timings')}>
      <dl className="tt-pairs tt-plain tt-timings">
        {stages.map(({ label, at, long, doing }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              {formatClock(at, scene.today * 1000, true)}
              {doing === null || long === null ? null : (
                <span className="tt-timing-long">
                  {doing} {formatElapsed(long, scene.ticks && !isEnded(scene.node.status))}
                </span>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function stagesOf(words: Words, node: TreeNode, now: number | null): Stage[] {
  const created = parseTime(node.created_at);
  const queued = parseTime(node.queued_at);
  const started = parseTime(node.started_at);
  const ended = parseTime(node.ended_at);
  const until = (from: number, to: number | null) => (to === null ? null : Math.max(0, to - from));
  const stages: Stage[] = [];
  // Most tasks are created as they start: then it says nothing more.
  if (created !== null && (started === null || started - created > 1_000)) {
    stages.push({ label: words.__('created'), at: created, long: null, doing: null });
  }
  if (queued !== null) {
    const waits = node.status === 'ready' ? now : null;
    const long = until(queued, started ?? ended ?? waits);
    stages.push({ label: words.__('queued'), at: queued, long, doing: words.__('waited') });
  }
  if (started !== null) {
    const runs = isEnded(node.status) ? null : now;
    const doing = ended === null ? words.__('runs for') : words.__('ran for');
    stages.push({ label: words.__('started'), at: started, long: until(started, ended ?? runs), doing });
  }
  if (ended !== null) {
    stages.push({ label: statusName(words, node.status), at: ended, long: null, doing: null });
  }
  return stages;
}
