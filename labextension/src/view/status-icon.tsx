import type { Status } from '../core/reader.js';
import { statusName } from './status.js';
import { useWords } from './words.js';

/** One shape a status, so that nobody needs the colour. */
const SHAPES: Record<Status, React.JSX.Element> = {
  draft: <circle cx="7" cy="7" r="4.75" className="tt-stroke" strokeDasharray="1.6 2.13" />,
  ready: <circle cx="7" cy="7" r="4.75" className="tt-stroke" />,
  running: (
    <>
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" />
      <path d="M7 2.25a4.75 4.75 0 0 0 0 9.5z" className="tt-fill" />
    </>
  ),
  review: (
    <>
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" />
      <circle cx="7" cy="7" r="2" className="tt-fill" />
    </>
  ),
  completed: <path d="M2.5 7.5 5.6 10.6 11.5 3.6" className="tt-stroke tt-heavy" />,
  failed: <path d="M3 3 11 11M11 3 3 11" className="tt-stroke tt-heavy" />,
  cancelled: (
    <>
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" />
      <path d="M3.7 3.7 10.3 10.3" className="tt-stroke" />
    </>
  ),
  skipped: <path d="M2.5 3.5 6 7 2.5 10.5M7.5 3.5 11 7 7.5 10.5" className="tt-stroke" />
};

export function StatusIcon({ status, hidden = false }: { status: Status; hidden?: boolean }) {
  const word = statusName(useWords(), status);
  return (
    <svg
      className={`tt-icon tt-status-${status}`}
      viewBox="0 0 14 14"
      width="14"
      height="14"
      focusable="false"
      {...(hidden ? { 'aria-hidden': true } : { role: 'img', 'aria-label': word })}
    >
      {hidden ? null : <title>{word}</title>}
      {Object.hasOwn(SHAPES, status) ? SHAPES[status] : null}
    </svg>
  );
}

/** Running, as far as is known: nobody has heard of it for too long. */
export function StaleIcon({ label, hidden = false }: { label: string; hidden?: boolean }) {
  return (
    <svg
      className="tt-icon tt-stale"
      viewBox="0 0 14 14"
      width="14"
      height="14"
      focusable="false"
      {...(hidden ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label })}
    >
      {hidden ? null : <title>{label}</title>}
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" strokeDasharray="3.2 1.77" />
      <path d="M7 4.4v2.8l1.7 1.2" className="tt-stroke" />
    </svg>
  );
}

/** A transition that isn't on the usual path: stored, shown, never refused. */
export function UnusualIcon({ label }: { label: string }) {
  return (
    <svg
      className="tt-icon tt-unusual"
      viewBox="0 0 14 14"
      width="14"
      height="14"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      <path d="M7 2 12.5 11.8H1.5z" className="tt-stroke" />
      <path d="M7 5.6v3M7 10v.4" className="tt-stroke" />
    </svg>
  );
}
