import { useId } from 'react';
import { useWords } from './words.js';

const EXAMPLES = [
  'status:failed',
  'agent:worker-1',
  'tag:slow',
  'param:max_depth=9',
  'metric:auc>0.9',
  '-warm-up'
].join('  ');

interface Props {
  text: string;
  onSearch: (text: string) => void;
}

/** What is looked for in whichever part is shown. `/` in a view leads here, Escape empties it. */
export function Search({ text, onSearch }: Props) {
  const words = useWords();
  const hint = useId();
  const help = words.__('Words, or for example: %1', EXAMPLES);
  return (
    <span className="tt-search" role="search">
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
        <path d="M9.2 9.2 12.5 12.5M6 10.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9z" className="tt-stroke" />
      </svg>
      <input
        type="search"
        className="tt-search-input"
        value={text}
        placeholder={words.__('Search')}
        aria-label={words.__('Search tasks')}
        aria-describedby={hint}
        title={help}
        spellCheck={false}
        autoComplete="off"
        onChange={event => onSearch(event.target.value)}
        onKeyDown={event => {
          // The notebook and JupyterLab around it have keys of their own.
          event.stopPropagation();
          if (event.key === 'Escape' && text !== '') {
            event.preventDefault();
            onSearch('');
          }
        }}
      />
      <span id={hint} className="tt-hidden">
        {help}
      </span>
    </span>
  );
}
