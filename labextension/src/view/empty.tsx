import { ConnectionBadge } from './connection-badge.js';
import { advice, type ViewState } from './connection.js';
import { told, useWords, type Words } from './words.js';

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

interface Advice {
  title: string;
  advice: string;
  example?: boolean;
}

function adviceFor(
  words: Words,
  state: ViewState,
  projectTitle: string | null,
  missionGone: boolean
): Advice {
  switch (state.kind) {
    case 'stored':
      return {
        title: words.__('No tree here'),
        advice: words.__('No task had started when this was saved. Run the cell again to start one.')
      };
    case 'live':
    case 'kernel':
      return missionGone
        ? {
            title: words.__('This run isn’t here any more'),
            advice: words.__(
              'It was removed, or the project’s log was deleted. Run the cell again for a new one.'
            )
          }
        : {
            title: projectTitle
              ? words.__('Waiting for the first task in %1', projectTitle)
              : words.__('Waiting for the first task'),
            advice: words.__('It shows here as soon as it starts. For example:'),
            example: true
          };
    case 'connecting':
      return {
        title: words.__('Connecting…'),
        advice: words.__('The tree shows as soon as the Jupyter server answers.')
      };
    case 'catching-up':
      return {
        title: words.__('Catching up…'),
        advice: words.__('The tree shows as soon as all of it is here.')
      };
    case 'offline':
      return {
        title: words.__('Offline'),
        advice: words.__(
          'The Jupyter server doesn’t answer. Tasks go on and their events are kept; this view comes back by itself.'
        )
      };
    case 'stopped':
      return { title: words.__('Offline'), advice: told(words, state.message) };
    case 'version':
      return { title: words.__('Another version of TaskTree'), advice: told(words, state.message) };
    case 'refused':
      return { title: words.__('No access'), advice: advice(words, state) };
    case 'absent':
      return { title: words.__('No TaskTree server'), advice: told(words, state.message) };
    case 'gone':
      return { title: words.__('This project isn’t on the server'), advice: told(words, state.message) };
  }
}

/** Never blank: what is the matter, and what to do about it. */
export function Empty({ state, projectTitle, missionGone, onRetry, badge }: Props) {
  const { title, advice: what, example } = adviceFor(useWords(), state, projectTitle, missionGone);
  return (
    <div className="tt-empty">
      <div className="tt-empty-head">
        <p className="tt-empty-title">{title}</p>
        {badge ? <ConnectionBadge state={state} onRetry={onRetry} /> : null}
      </div>
      <p className="tt-empty-advice">{what}</p>
      {example ? <pre className="tt-empty-example">{EXAMPLE}</pre> : null}
    </div>
  );
}
