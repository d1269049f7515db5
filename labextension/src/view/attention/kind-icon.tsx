import type { AttentionItem } from '../../core/attention.js';
import { StaleIcon, StatusIcon } from '../status-icon.js';
import { useWords } from '../words.js';
import { kindText } from './words.js';

/** One shape a kind. */
export function KindIcon({ kind }: { kind: AttentionItem['kind'] }) {
  const label = kindText(useWords(), kind);
  if (kind === 'failed') {
    return <StatusIcon status="failed" />;
  }
  if (kind === 'stale') {
    return <StaleIcon label={label} />;
  }
  return (
    <svg
      className={`tt-icon tt-kind-${kind}`}
      viewBox="0 0 14 14"
      width="14"
      height="14"
      focusable="false"
      role="img"
      aria-label={label}
    >
      <title>{label}</title>
      {SHAPES[kind]}
    </svg>
  );
}

const SHAPES: Record<'retry' | 'silent' | 'slow' | 'late', React.JSX.Element> = {
  retry: <path d="M11.3 8.2A4.6 4.6 0 1 1 11 4.6M11.4 2.2v2.9H8.5" className="tt-stroke" />,
  silent: (
    <>
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" strokeDasharray="1.6 2.13" />
      <path d="M5 7h4" className="tt-stroke" />
    </>
  ),
  slow: (
    <>
      <circle cx="7" cy="7" r="4.75" className="tt-stroke" />
      <path d="M7 4.2V7l2 1.4" className="tt-stroke" />
    </>
  ),
  late: (
    <>
      <path d="M4 2.5h6M4 11.5h6M4.6 2.5c0 4 4.8 5 4.8 9M9.4 2.5c0 4-4.8 5-4.8 9" className="tt-stroke" />
    </>
  )
};
