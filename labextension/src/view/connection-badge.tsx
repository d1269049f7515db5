import { useNow } from './clock.js';
import { canRetry, wording, type ViewState } from './connection.js';
import { useWords } from './words.js';

interface Props {
  state: ViewState;
  /** See `wording`. */
  storedAt?: number | null;
  onRetry?: () => void;
}

/** Live only when live; else what is known, and what can be done about it. */
export function ConnectionBadge({ state, storedAt = null, onRetry }: Props) {
  const words = useWords();
  const counting = state.kind === 'offline' && state.retryAt !== null;
  const now = useNow(counting);
  const { tone, text, detail } = wording(words, state, storedAt, now);
  // A screen reader hears that it is offline, not each second of the countdown.
  const spoken = counting ? wording(words, { kind: 'offline', retryAt: null }, storedAt, now).text : text;
  return (
    <span className={`tt-connection tt-tone-${tone}`} title={detail ?? undefined}>
      <span className="tt-dot" aria-hidden="true" />
      <span className="tt-hidden" role="status">
        {detail ? words.__('%1. %2', spoken, detail) : spoken}
      </span>
      <span className="tt-connection-text" aria-hidden="true">
        {text}
      </span>
      {onRetry && canRetry(state) ? (
        <button type="button" className="tt-link" onClick={onRetry}>
          {words.__('retry now')}
        </button>
      ) : null}
    </span>
  );
}
