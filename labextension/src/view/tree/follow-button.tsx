import { createPortal } from 'react-dom';
import { useWords } from '../words.js';
import type { FollowingRunning } from './use-follow-running.js';

interface Props {
  following: FollowingRunning;
  /** Whether there is anything to follow. */
  isThere: boolean;
  place: HTMLElement | null;
}

/** Keep what runs in sight, or not. */
export function FollowButton({ following, isThere, place }: Props) {
  const words = useWords();
  if (!place || !(isThere || following.isOn)) {
    return null;
  }
  const label = words.__('Follow what runs');
  return createPortal(
    <button
      type="button"
      className="tt-icon-button tt-follow"
      aria-pressed={following.isOn}
      aria-label={label}
      title={label}
      onClick={() => following.set(!following.isOn)}
    >
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
        {/* Rows, and an arrow that goes down with them to a line. */}
        <path d="M1.5 2.5h5M1.5 6h4M1.5 9.5h3" className="tt-stroke tt-follow-rows" />
        <path d="M10 2v8M7.25 7.25 10 10l2.75-2.75M7.25 12.5h5.5" className="tt-stroke" />
      </svg>
    </button>,
    place
  );
}

/** Offered once somebody went elsewhere. */
export function Resume({ following }: { following: FollowingRunning }) {
  const words = useWords();
  return following.isPaused ? (
    <button type="button" className="tt-resume" onClick={following.resume}>
      {words.__('Follow again')}
    </button>
  ) : null;
}
