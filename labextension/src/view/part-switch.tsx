import { useRef } from 'react';
import type { Part, PartId } from './part.js';
import { formatCount } from './format.js';
import { useWords } from './words.js';

interface Props {
  parts: readonly { part: Part; count: number | null }[];
  shown: PartId;
  /** Of the element that holds what is shown. */
  bodyId: string;
  onChoose: (id: PartId) => void;
}

/** Which part of a view is shown: tabs, or a menu where there is no room for them. */
export function PartSwitch({ parts, shown, bodyId, onChoose }: Props) {
  const words = useWords();
  const list = useRef<HTMLDivElement>(null);
  if (parts.length < 2) {
    return null;
  }
  const textOf = ({ part, count }: Props['parts'][number]) =>
    count === null ? part.label(words) : `${part.label(words)} ${formatCount(count)}`;
  const move = (event: React.KeyboardEvent) => {
    const at = parts.findIndex(({ part }) => part.id === shown);
    const steps: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1 + parts.length,
      Home: 0,
      End: parts.length - 1
    };
    const to = steps[event.key];
    const next = to === undefined ? undefined : parts[to % parts.length];
    if (next) {
      event.preventDefault();
      event.stopPropagation();
      onChoose(next.part.id);
      list.current?.querySelector<HTMLElement>(`[data-part="${next.part.id}"]`)?.focus();
    }
  };
  return (
    <div className="tt-parts">
      <div
        ref={list}
        className="tt-tabs"
        role="tablist"
        aria-label={words.__('View')}
        onKeyDown={move}
        tabIndex={-1}
      >
        {parts.map(each => (
          <button
            key={each.part.id}
            type="button"
            role="tab"
            className="tt-tab"
            data-part={each.part.id}
            data-count={each.count}
            aria-selected={each.part.id === shown}
            aria-controls={bodyId}
            tabIndex={each.part.id === shown ? 0 : -1}
            onClick={() => onChoose(each.part.id)}
          >
            {textOf(each)}
          </button>
        ))}
      </div>
      <span className="tt-run tt-parts-menu">
        <span className="tt-chip tt-run-chip" aria-hidden="true">
          {parts.filter(({ part }) => part.id === shown).map(textOf)} ▾
        </span>
        <select
          className="tt-run-select"
          aria-label={words.__('View')}
          value={shown}
          onChange={event => onChoose(event.target.value as PartId)}
        >
          {parts.map(each => (
            <option key={each.part.id} value={each.part.id}>
              {textOf(each)}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}
