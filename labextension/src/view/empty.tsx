import { ConnectionBadge } from './connection-badge.js';
import type { ViewState } from './connection.js';

interface Props {
  state: ViewState;
  projectTitle: string | null;
  /** The run this view is pinned to isn't there (any more). */
  missionGone: boolean;
  onRetry?: () => void;
  badge: boolean;
}

/** Three lines that make a tree. */
const EXAMPLE = `import tasktree_jupyter as tt
with tt.task("My first mission") as run:
    for item in run.track(range(10), "step"): ...`;

interface Words {
  title: string;
  advice: string;
  example?: boolean;
}

function wordsFor(state: ViewState, projectTitle: string | null, missionGone: boolean): Words {
  const where = projectTitle ? ` in ${projectTitle}` : '';
  switch (state.kind) {
    case 'stored':
      return {
        title: 'No tree here',
        advice: 'No task had started when this was saved. Run the cell again to start one.'
      };
    case 'live':
    case 'kernel':
      return missionGone
        ? {
            title: 'This run isn’t here any more',
            advice: 'It was removed, or the project’s log was deleted. Run the cell again for a new one.'
          }
        : {
            title: `Waiting for the first task${where}`,
            advice: 'It shows here as soon as it starts. For example:',
            example: true
          };
    case 'connecting':
      return { title: 'Connecting…', advice: 'The tree shows as soon as the Jupyter server answers.' };
    case 'catching-up':
      return { title: 'Catching up…', advice: 'The tree shows as soon as all of it is here.' };
    case 'offline':
      return {
        title: 'Offline',
        advice:
          'The Jupyter server doesn’t answer. Tasks go on and their events are kept; this view comes back by itself.'
      };
    case 'stopped':
      return { title: 'Offline', advice: state.message };
    case 'version':
      return { title: 'Another version of TaskTree', advice: state.message };
    case 'refused':
      return { title: 'No access', advice: state.message };
    case 'absent':
      return { title: 'No TaskTree server', advice: state.message };
    case 'gone':
      return { title: 'This project isn’t on the server', advice: state.message };
  }
}

/** Never blank: what is the matter, and what to do about it. */
export function Empty({ state, projectTitle, missionGone, onRetry, badge }: Props) {
  const { title, advice, example } = wordsFor(state, projectTitle, missionGone);
  return (
    <div className="tt-empty">
      <div className="tt-empty-head">
        <p className="tt-empty-title">{title}</p>
        {badge ? <ConnectionBadge state={state} onRetry={onRetry} /> : null}
      </div>
      <p className="tt-empty-advice">{advice}</p>
      {example ? <pre className="tt-empty-example">{EXAMPLE}</pre> : null}
    </div>
  );
}
