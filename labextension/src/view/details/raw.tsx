import { seenLines } from '../../core/seen.js';
import { useWords } from '../words.js';
import { CopyButton } from '../copy-button.js';
import { Section } from './section.js';

const LONGEST = 20_000;

/** The task as it is on the wire. */
export function Raw({ value }: { value: object }) {
  const words = useWords();
  return (
    <Section id="json" title={words.__('JSON')} open={false}>
      <Json value={value} label={words.__('JSON')} />
    </Section>
  );
}

/** `more` stands beside what can be done with it. */
export function Json({ value, label, more }: { value: object; label: string; more?: React.ReactNode }) {
  const words = useWords();
  const text = JSON.stringify(value, null, 2);
  return (
    <>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="tt-json" tabIndex={0} role="group" aria-label={label}>
        {seenLines(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)}
      </pre>
      <p className="tt-line-actions">
        <CopyButton text={() => JSON.stringify(value, null, 2)} label={words.__('Copy JSON')} />
        {more}
      </p>
    </>
  );
}
