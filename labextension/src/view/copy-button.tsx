import { useState } from 'react';
import { useWords } from './words.js';

/** `text` may be a function where making it takes a while. */
export function CopyButton({ text, label }: { text: string | (() => string); label: string }) {
  const words = useWords();
  const [said, setSaid] = useState<{ of: string; word: string } | null>(null);
  // What was said of one text isn't true of the next.
  const of = typeof text === 'string' ? text : label;
  const copy = () => {
    // No clipboard where the page isn't served securely: there the text can still be selected.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const written = typeof text === 'string' ? text : text();
    const done = clipboard ? clipboard.writeText(written) : Promise.reject(new Error('no clipboard'));
    done.then(
      () => setSaid({ of, word: words.__('Copied') }),
      () => setSaid({ of, word: words.__('Can’t reach the clipboard: select the text instead') })
    );
  };
  return (
    <>
      <button type="button" className="tt-link" onClick={copy}>
        {label}
      </button>{' '}
      <span role="status" className="tt-faint">
        {said?.of === of ? said.word : ''}
      </span>
    </>
  );
}
