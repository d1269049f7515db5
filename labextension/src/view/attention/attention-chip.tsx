import { formatCount } from '../format.js';
import { useWords } from '../words.js';

interface Props {
  count: number;
  open: boolean;
  /** Of the element that holds the list. */
  listId: string;
  onToggle: () => void;
}

/** How many things need attention; opens the list of them. It has its room also while there is nothing. */
export function AttentionChip({ count, open, listId, onToggle }: Props) {
  const words = useWords();
  const text = words._n('%2 needs attention', '%2 need attention', count, formatCount(count));
  return (
    <button
      type="button"
      className="tt-chip tt-attention-chip"
      data-nothing={count === 0 || undefined}
      aria-label={text}
      aria-expanded={open}
      aria-controls={open ? listId : undefined}
      title={text}
      onClick={onToggle}
    >
      <svg viewBox="0 0 14 14" width="12" height="12" aria-hidden="true" focusable="false">
        <path d="M7 1.8 12.6 11.8H1.4zM7 5.4v3M7 10v.3" className="tt-stroke" />
      </svg>
      {formatCount(count)}
    </button>
  );
}
