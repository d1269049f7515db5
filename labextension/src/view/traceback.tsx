import { useMemo } from 'react';
import { seenLines } from '../../core/seen.js';
import { placeOf } from '../../core/traceback.js';
import { CopyButton } from '../copy-button.js';
import { useWords } from '../words.js';

interface Part {
  text: string;
  /** Null: no frame. */
  isOwn: boolean | null;
}

/** A traceback by its frames; what stands between them is of none. */
export function partsOf(traceback: string): Part[] {
  const parts: Part[] = [];
  let isOwn: boolean | null = null;
  for (const line of seenLines(traceback).replace(/\n+$/, '').split('\n')) {
    const place = placeOf(line);
    if (place) {
      isOwn = place.isOwn;
    } else if (!/^[ |+]{4}/.test(line)) {
      isOwn = null;
    }
    const last = parts[parts.length - 1];
    if (last?.isOwn === isOwn) {
      last.text += `\n${line}`;
    } else {
      parts.push({ text: line, isOwn });
    }
  }
  return parts;
}

/** The frames of the user's own code stand out, those of libraries stand back. */
export function Traceback({ text }: { text: string }) {
  const words = useWords();
  const parts = useMemo(() => partsOf(text), [text]);
  const hasLibraries = parts.some(({ isOwn }) => isOwn === false);
  return (
    <div className="tt-failure-traceback">
      {/* Scrolls, so the keyboard must get in. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="tt-traceback" tabIndex={0} role="group" aria-label={words.__('Traceback')}>
        {parts.map((part, index) => (
          <span
            key={index}
            className={
              part.isOwn && hasLibraries ? 'tt-frame-own' : part.isOwn === false ? 'tt-frame-library' : ''
            }
          >
            {part.isOwn && hasLibraries ? <span className="tt-hidden">{words.__('your code:')} </span> : null}
            {`${part.text}\n`}
          </span>
        ))}
      </pre>
      <CopyButton text={text} label={words.__('Copy traceback')} />
    </div>
  );
}
