import { useEffect, useRef } from 'react';
import { useWords, type Words } from '../words.js';
import { guess, type Better } from '../better.js';
import { isShown, PINNED, type Chosen } from './columns.js';
import type { ColumnName } from './facts.js';
import type { ColumnFacts } from './picture.js';
import { columnLabel } from './text.js';

interface Props {
  id: string;
  columns: readonly ColumnFacts[];
  chosen: Chosen;
  better: Readonly<Record<ColumnName, Better>>;
  onChoose: (chosen: Chosen) => void;
  onBetter: (better: Readonly<Record<ColumnName, Better>>) => void;
  onClose: () => void;
}

const NEXT: Record<Better, Better> = { higher: 'lower', lower: 'none', none: 'higher' };
const SIGNS: Record<Better, string> = { higher: '↑', lower: '↓', none: '–' };

/** Which columns are shown, and which value of a metric is the best. It stands in the table, so that nothing can cut it off. */
export function ColumnChooser({ id, columns, chosen, better, onChoose, onBetter, onClose }: Props) {
  const words = useWords();
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    panel.current?.querySelector('input')?.focus();
  }, []);
  const onKeyDown = (event: React.KeyboardEvent) => {
    const stops = [...(panel.current?.querySelectorAll<HTMLElement>('input') ?? [])];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 };
    // The notebook around it has keys of its own.
    event.stopPropagation();
    if (event.key === 'Escape') {
      event.preventDefault();
      onClose();
    } else if (Object.hasOwn(to, event.key) && at >= 0) {
      event.preventDefault();
      stops[Math.min(Math.max(to[event.key] ?? 0, 0), stops.length - 1)]?.focus();
    }
  };
  // What was chosen for other tasks is kept: theirs aren't in this list.
  const others = Object.entries(chosen).filter(([name]) => !columns.some(column => column.name === name));
  const usual = () => onChoose(Object.fromEntries(others));
  const all = () =>
    onChoose(Object.fromEntries([...others, ...columns.map(({ name }) => [name, true] as const)]));
  return (
    // The keyboard goes from one column to the next wherever in it it is.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={panel}
      id={id}
      className="tt-chooser"
      role="group"
      aria-label={words.__('Columns')}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <div className="tt-chooser-all">
        <button type="button" className="tt-link" onClick={usual}>
          {words.__('The usual ones')}
        </button>
        <button type="button" className="tt-link" onClick={all}>
          {words.__('All')}
        </button>
        <button type="button" className="tt-link" onClick={onClose}>
          {words.__('Close')}
        </button>
      </div>
      <div className="tt-chooser-list">
        {columns
          .filter(({ name }) => !PINNED.includes(name))
          .map(column => {
            const { name, isNumeric } = column;
            const label = columnLabel(words, name);
            const direction = better[name] ?? guess(name);
            return (
              <span key={name} className="tt-chooser-column">
                <label title={name}>
                  <input
                    type="checkbox"
                    checked={isShown(column, chosen)}
                    onChange={event => {
                      onChoose({ ...chosen, [name]: event.target.checked });
                    }}
                  />
                  <span className="tt-chooser-name">{label}</span>
                </label>
                {isNumeric && name.startsWith('metrics.') ? (
                  <button
                    type="button"
                    className="tt-chooser-better"
                    aria-label={words.__('%1: %2', label, directionText(words, direction))}
                    title={directionText(words, direction)}
                    onClick={() => onBetter({ ...better, [name]: NEXT[direction] })}
                  >
                    {SIGNS[direction]}
                  </button>
                ) : null}
              </span>
            );
          })}
      </div>
    </div>
  );
}

function directionText(words: Words, better: Better): string {
  switch (better) {
    case 'higher':
      return words.__('higher is better');
    case 'lower':
      return words.__('lower is better');
    case 'none':
      return words.__('none is the best');
  }
}
