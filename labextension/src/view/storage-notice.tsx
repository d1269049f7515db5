import type { StorageNotice } from '../core/follow.js';
import { translatable } from '../core/translatable.js';
import { told, useWords } from './words.js';

/** What the kinds mean, in words that can be translated; of a kind that this page doesn't know the server's own are shown. */
const SENTENCES: Partial<Record<string, string>> = {
  memory: translatable(
    'Nothing is kept when the Jupyter server stops: its folder for task trees can’t be used. “jupyter tasktree doctor” says why.'
  ),
  full: translatable(
    'The server’s disk is full. Nothing is lost: what is emitted waits in the kernels until there is room again.'
  ),
  readonly: translatable(
    'The server can’t write its logs. Nothing is lost: what is emitted waits in the kernels until it can.'
  ),
  failing: translatable(
    'Writing the logs fails on the server. Nothing is lost: what is emitted waits in the kernels until it works again.'
  ),
  locked: translatable(
    'Another process keeps this project’s file locked. What is emitted waits in the kernels until it is free.'
  ),
  damaged: translatable(
    'This project’s file was damaged. What could be read of it was recovered, and the damaged file moved aside.'
  )
};

/** How data is kept, where that isn't as usual. Null: nothing to say. */
export function StorageNotices({ notices }: { notices: readonly (StorageNotice | null | undefined)[] }) {
  const words = useWords();
  const said = notices.filter(notice => notice !== null && notice !== undefined);
  return said.length > 0 ? (
    <p className="tt-notice tt-storage" role="status">
      {said.map(({ kind, message }) => (
        <span key={kind} data-storage={kind} title={message}>
          {told(words, sentence(kind) ?? message)}{' '}
        </span>
      ))}
    </p>
  ) : null;
}

function sentence(kind: string): string | undefined {
  return Object.hasOwn(SENTENCES, kind) ? SENTENCES[kind] : undefined;
}
