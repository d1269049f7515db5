import type { Hub, ProjectList } from '../core/follow.js';
import {
  StaleIcon,
  StatusIcon,
  formatCount,
  stateOf,
  useAtOnce,
  useListenable,
  useWords,
  wording,
  type ViewState
} from '../view/index.js';
import { treeIcon } from './icon.js';
import { tallyText, type Tally } from './tally.js';

export interface StatusSource {
  hub: Hub;
  list: ProjectList;
  /** As it was when the list was last live. */
  tally: () => Tally;
  open: () => void;
}

export function stateOfList({ hub, list }: Pick<StatusSource, 'hub' | 'list'>): ViewState {
  return stateOf(list.status, list.error, hub.connection);
}

/** Counts are true only of a live list: else they are shown as what was last known, with the reason beside them. */
export function StatusItem(source: StatusSource) {
  const { hub, list, tally, open } = source;
  const words = useWords();
  useListenable(list);
  useAtOnce(hub, each => each.getVersion());
  const state = stateOfList(source);
  const isLive = state.kind === 'live';
  const { running, failed, stale } = tally();
  // No countdown here: it would move for as long as nobody can do anything.
  const calm: ViewState = state.kind === 'offline' ? { kind: 'offline', retryAt: null } : state;
  const { text, detail } = wording(words, calm, null, 0);
  const counts = tallyText(words, { running, failed, stale });
  const story = isLive
    ? counts
    : [text, detail, words.__('last known: %1', counts)].filter(Boolean).join('. ');
  return (
    <button
      type="button"
      className={`jp-TaskTreeStatus${isLive ? '' : ' jp-mod-stale'}`}
      data-connection={state.kind}
      aria-label={words.__('Task trees: %1', story)}
      title={`${words.__('Task trees: %1', story)}\n${words.__('Click to show them')}`}
      onClick={open}
    >
      <treeIcon.react tag="span" width="14px" height="14px" />
      {running > 0 ? (
        <span className="jp-TaskTreeStatus-count">
          <StatusIcon status="running" hidden /> {formatCount(running)}
        </span>
      ) : null}
      {failed > 0 ? (
        <span className="jp-TaskTreeStatus-count">
          <StatusIcon status="failed" hidden /> {formatCount(failed)}
        </span>
      ) : null}
      {stale > 0 ? (
        <span className="jp-TaskTreeStatus-count">
          <StaleIcon label="" hidden /> {formatCount(stale)}
        </span>
      ) : null}
      {isLive ? null : <span className="jp-TaskTreeStatus-word">{text}</span>}
    </button>
  );
}
