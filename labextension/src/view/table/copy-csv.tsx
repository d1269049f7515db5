import { useState } from 'react';
import { formatCount } from '../format.js';
import { Upkeep } from '../slices.js';
import { useWords } from '../words.js';
import { csvOf } from './csv.js';
import type { ColumnName, Facts } from './facts.js';

interface Props {
  rows: readonly Facts[];
  columns: readonly ColumnName[];
  /** Of the tasks, for a file. */
  name: string;
}

/** The rows as they are shown, for a spreadsheet or `pandas.read_csv`. */
export function CopyCsv({ rows, columns, name }: Props) {
  const words = useWords();
  const [said, setSaid] = useState('');
  const write = (text: string) => {
    // No clipboard where the page isn't served securely.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const done = clipboard ? clipboard.writeText(text) : Promise.reject(new Error('no clipboard'));
    done.then(
      () => setSaid(words._n('Copied %2 row', 'Copied %2 rows', rows.length, formatCount(rows.length))),
      () => {
        const file = `${name.replace(/[^\p{L}\p{N}_-]+/gu, '-').slice(0, 60) || 'tasks'}.csv`;
        save(text, file);
        setSaid(words.__('Saved as %1', file));
      }
    );
  };
  const copy = () => new Upkeep(() => csvOf(rows, columns), write, 0).askNow();
  return (
    <>
      <button type="button" className="tt-link" onClick={copy} onBlur={() => setSaid('')}>
        {words.__('Copy as CSV')}
      </button>
      <span role="status" className={said === '' ? 'tt-hidden' : 'tt-table-said'}>
        {said}
      </span>
    </>
  );
}

function save(text: string, file: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = file;
  link.click();
  URL.revokeObjectURL(address);
}
