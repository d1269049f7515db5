import { useId, useMemo } from 'react';
import { tellingOf, type FailureGroup } from '../../core/failures.js';
import type { TreeReader } from '../../core/reader.js';
import { formatClock, formatCount } from '../format.js';
import { nameOf } from '../node.js';
import { StatusIcon } from '../status-icon.js';
import { Traceback } from '../traceback.js';
import { useWords } from '../words.js';
import { failureText, frameText, timesText, traitsText } from './words.js';

const MOST_TRAITS = 3;

interface Props {
  tree: TreeReader;
  group: FailureGroup;
  open: boolean;
  /** Whether the keyboard comes here first. */
  isCurrent: boolean;
  today: number;
  onToggle: () => void;
  onFocus: () => void;
  onReveal: (id: string) => void;
}

export function FailureRow({ tree, group, open, isCurrent, today, onToggle, onFocus, onReveal }: Props) {
  const words = useWords();
  const id = useId();
  const traits = useMemo(() => tellingOf(tree, group).slice(0, MOST_TRAITS), [tree, group]);
  const text = failureText(words, tree, group);
  const [first, last] = [group.ids[0] as string, group.ids[group.ids.length - 1] as string];
  const tabIndex = isCurrent ? 0 : -1;
  const traceback = open ? tracebackOf(tree, group) : null;
  const facts = [
    group.frame ? frameText(words, group.frame) : null,
    traits.length > 0 ? traitsText(words, traits) : null
  ].filter(fact => fact !== null);
  const task = (node: string, at: number | null) => (
    <span className="tt-failure-task">
      <button
        type="button"
        className="tt-link"
        tabIndex={tabIndex}
        data-node-id={node}
        title={words.__('Show it in the tree')}
        onClick={() => onReveal(node)}
      >
        {nameOf(tree, node)}
      </button>
      {at === null ? null : (
        <span className="tt-faint tt-failure-time"> {formatClock(at, today * 1000, true)}</span>
      )}
    </span>
  );
  return (
    // It is only heard that the keyboard has come to something in it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <li className="tt-failure" onFocus={onFocus}>
      <button
        type="button"
        className="tt-failure-head"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        tabIndex={tabIndex}
        data-failure={group.key}
        onClick={onToggle}
      >
        <span className={`tt-twisty${open ? ' tt-open' : ''}`} aria-hidden="true">
          <svg viewBox="0 0 10 10" width="10" height="10" focusable="false">
            <path d="M3 1.5 7 5 3 8.5z" />
          </svg>
        </span>
        <StatusIcon status="failed" hidden />
        <span className="tt-failure-text" title={text}>
          {text}
        </span>
        <span className="tt-times" aria-hidden="true">
          {timesText(group.ids.length)}
        </span>
        <span className="tt-hidden">
          {words._n('%2 time', '%2 times', group.ids.length, formatCount(group.ids.length))}
        </span>
      </button>
      <div className="tt-failure-facts">
        {group.ids.length === 1 ? (
          task(first, group.firstAt)
        ) : (
          <>
            <span className="tt-failure-end">
              <span className="tt-faint">{words.__('first')}</span> {task(first, group.firstAt)}
            </span>
            <span className="tt-failure-end">
              <span className="tt-faint">{words.__('last')}</span> {task(last, group.lastAt)}
            </span>
          </>
        )}
        {facts.map(fact => (
          <span key={fact} className="tt-faint tt-failure-fact" title={fact}>
            {fact}
          </span>
        ))}
      </div>
      {open ? (
        <div id={id} className="tt-failure-more">
          {traceback === null ? (
            <p className="tt-faint">{words.__('No traceback was kept.')}</p>
          ) : (
            <div className="tt-error">
              <Traceback text={traceback} />
            </div>
          )}
        </div>
      ) : null}
    </li>
  );
}

/** The newest that there is. */
function tracebackOf(tree: TreeReader, group: FailureGroup): string | null {
  for (let index = group.ids.length - 1; index >= 0; index--) {
    const traceback = tree.node(group.ids[index] as string)?.error?.traceback;
    if (traceback) {
      return traceback;
    }
  }
  return null;
}
