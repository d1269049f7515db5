import { attemptsOf, type Attempt } from '../../core/attempts.js';
import { EventFeed } from '../../core/feed.js';
import type { EventQuery } from '../../core/history.js';
import { seenLine } from '../../core/seen.js';
import { wants } from '../../core/wanted.js';
import { formatClock, formatCount, formatElapsed } from '../format.js';
import { Older } from '../older.js';
import { useOpened } from '../opened.js';
import { errorText } from '../reasons.js';
import { StatusIcon } from '../status-icon.js';
import { statusName } from '../status.js';
import { Traceback } from '../traceback.js';
import { useWords } from '../words.js';
import type { Scene } from './scene.js';
import { Section } from './section.js';

const TYPES = ['node_update', 'task_status_changed', 'state_transition'];

/** How often it was tried, and how each time ended: the tree knows the last, the log all of them. */
export function Attempts({ scene }: { scene: Scene }) {
  const words = useWords();
  const attempt = scene.node.attempt ?? 1;
  if (attempt < 2) {
    return null;
  }
  return (
    <Section id="attempts" title={words.__('Attempts')} note={formatCount(attempt)}>
      {scene.history ? (
        <Earlier key={scene.node.node_id} scene={scene} />
      ) : (
        <p className="tt-details-line tt-faint tt-note">{words.__('Earlier attempts need the server.')}</p>
      )}
    </Section>
  );
}

function Earlier({ scene }: { scene: Scene }) {
  const words = useWords();
  const { projectId, node, history, follow } = scene;
  const stream = follow?.stream ?? null;
  const feed = useOpened(() => {
    const query: EventQuery = { types: TYPES, nodeIds: [node.node_id] };
    return new EventFeed({ projectId, history, stream, query, matches: wants(query, () => null) });
  }, [projectId, node.node_id, history, stream]);
  const attempts = attemptsOf(node, feed.events, feed.older === 'end');
  return (
    <>
      <ol className="tt-attempts">
        {[...attempts].reverse().map(each => (
          <AttemptItem key={each.number} attempt={each} scene={scene} isLast={each.number === node.attempt} />
        ))}
      </ol>
      <Older feed={feed} className="tt-details-line tt-faint tt-note" more={words.__('Earlier attempts')} />
    </>
  );
}

function AttemptItem({ attempt, scene, isLast }: { attempt: Attempt; scene: Scene; isLast: boolean }) {
  const words = useWords();
  const { number, node, startedAt, endedAt } = attempt;
  const until = endedAt ?? (isLast ? scene.now : null);
  const text = node.error ? errorText(words, node) : null;
  const traceback = node.error?.traceback;
  return (
    <li className="tt-attempt-item">
      <span className="tt-attempt-head">
        <StatusIcon status={node.status} hidden />
        <span className="tt-attempt-number">{formatCount(number)}</span>
        <span>{statusName(words, node.status)}</span>
        <span className="tt-faint">
          {startedAt === null ? '' : formatClock(startedAt, scene.today * 1000, true)}
          {startedAt !== null && until !== null
            ? ` · ${formatElapsed(until - startedAt, scene.ticks && endedAt === null)}`
            : ''}
        </span>
      </span>
      {/* The last one's stands at the top already. */}
      {text !== null && !isLast ? <span className="tt-error-text">{text}</span> : null}
      {traceback !== undefined && !isLast ? (
        <details>
          <summary>{words.__('Traceback')}</summary>
          <Traceback text={traceback} />
        </details>
      ) : null}
      {text === null && node.message !== undefined && !isLast ? (
        <span className="tt-faint">{seenLine(node.message)}</span>
      ) : null}
    </li>
  );
}
