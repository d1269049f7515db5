import { useCallback, useMemo, useRef, useState } from 'react';
import { groupFailures, sortGroups, type FailureGroup, type FailureOrder } from '../../core/failures.js';
import type { Query } from '../../core/query.js';
import type { TreeReader } from '../../core/reader.js';
import { formatCount } from '../format.js';
import { useHeldOrder, usePointerHold } from '../hold.js';
import { useRemembered } from '../memory.js';
import type { Part, PartProps } from '../part.js';
import { useTrouble } from '../trouble.js';
import { useWords } from '../words.js';
import { FailureRow } from './failure-row.js';

/** Kinds of failures that are drawn at once, and so many more for each wish. */
const PAGE = 100;

const keyOf = (group: FailureGroup) => group.key;

function FailuresPart({ tree, version, roots, query, today, onReveal }: PartProps) {
  const words = useWords();
  const { survey, failures } = useTrouble(tree, version, roots);
  const [order, setOrder] = useRemembered<FailureOrder>('failures.order', orderOf);
  const [chosen, setChosen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const [current, setCurrent] = useState<string | null>(null);
  const [hasFocus, setHasFocus] = useState(false);
  const [shown, setShown] = useState(PAGE);
  const hold = usePointerHold();
  const list = useRef<HTMLUListElement>(null);

  const matching = useMemo(
    () => (query ? matchingOf(tree, survey.failed, query) : failures),
    [tree, survey, failures, query]
  );
  const sorted = useMemo(() => sortGroups(matching, order), [matching, order]);
  const groups = useHeldOrder(sorted, keyOf, hold.isHeld || hasFocus);
  const drawn = groups.slice(0, shown);
  const first = drawn.some(group => group.key === current) ? current : (drawn[0]?.key ?? null);

  const more = groups.length - drawn.length;
  const total = failuresBelow(tree, roots);
  const found = matching.reduce((sum, group) => sum + group.ids.length, 0);
  const kept = failures.reduce((sum, group) => sum + group.ids.length, 0);

  const isOpen = (key: string) => chosen.get(key) ?? failures.length === 1;
  const toggle = useCallback((key: string, open: boolean) => {
    setChosen(before => new Map(before).set(key, open));
  }, []);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const at = (event.target as HTMLElement).dataset.failure;
    const index = drawn.findIndex(group => group.key === at);
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const steps: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: drawn.length - 1
    };
    const to = drawn[steps[event.key] ?? -1];
    const open = event.key === 'ArrowRight' ? true : event.key === 'ArrowLeft' ? false : null;
    if (to || open !== null || steps[event.key] !== undefined) {
      event.preventDefault();
      event.stopPropagation();
    }
    if (to) {
      setCurrent(to.key);
      const heads = list.current?.querySelectorAll<HTMLElement>('.tt-failure-head') ?? [];
      heads[drawn.indexOf(to)]?.focus();
    }
    if (open !== null && at !== undefined) {
      toggle(at, open);
    }
  };

  if (groups.length === 0) {
    return (
      <div className="tt-failures tt-failures-none">
        <p className="tt-empty-advice" role="status">
          {kept > 0 ? words.__('No failure matches') : total > 0 ? '' : words.__('No failures')}
        </p>
        {kept === 0 && total > 0 && isStored(tree) ? <Omitted count={total} /> : null}
      </div>
    );
  }
  return (
    <div className="tt-failures">
      <div className="tt-failures-bar">
        <span className="tt-failures-count" role="status">
          {query
            ? words.__('%1 of %2', formatCount(found), formatCount(total))
            : words._n('%2 failure', '%2 failures', found, formatCount(found))}
          {groups.length < found
            ? ` · ${words._n('%2 kind', '%2 kinds', groups.length, formatCount(groups.length))}`
            : ''}
        </span>
        <div className="tt-choice" role="group" aria-label={words.__('Order')}>
          <Choice label={words.__('most')} isChosen={order === 'count'} onChoose={() => setOrder('count')} />
          <Choice
            label={words.__('newest')}
            isChosen={order === 'newest'}
            onChoose={() => setOrder('newest')}
          />
        </div>
      </div>
      {/* The rows' own buttons have the keyboard; here it is heard what moves between them. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ul
        ref={list}
        className="tt-failures-list"
        aria-label={words.__('Failures')}
        onKeyDown={onKeyDown}
        onFocus={() => setHasFocus(true)}
        onBlur={event => setHasFocus(event.currentTarget.contains(event.relatedTarget))}
        {...hold.handlers}
      >
        {drawn.map(group => (
          <FailureRow
            key={group.key}
            tree={tree}
            group={group}
            open={isOpen(group.key)}
            isCurrent={group.key === first}
            today={today}
            onToggle={() => toggle(group.key, !isOpen(group.key))}
            onFocus={() => setCurrent(group.key)}
            onReveal={onReveal}
          />
        ))}
        {more > 0 ? (
          <li className="tt-failures-rest">
            <button type="button" className="tt-link" onClick={() => setShown(shown + PAGE)}>
              {words._n('%2 more kind', '%2 more kinds', more, formatCount(more))}
            </button>
          </li>
        ) : null}
        {query === null && isStored(tree) && total > kept ? (
          <li className="tt-failures-rest">
            <Omitted count={total - kept} />
          </li>
        ) : null}
      </ul>
    </div>
  );
}

function Omitted({ count }: { count: number }) {
  const words = useWords();
  return (
    <span className="tt-faint">
      {words._n(
        '%2 more, not kept in this output',
        '%2 more, not kept in this output',
        count,
        formatCount(count)
      )}
    </span>
  );
}

function Choice({ label, isChosen, onChoose }: { label: string; isChosen: boolean; onChoose: () => void }) {
  return (
    <button type="button" className="tt-choice-one" aria-pressed={isChosen} onClick={onChoose}>
      {label}
    </button>
  );
}

function orderOf(kept: unknown): FailureOrder {
  return kept === 'newest' ? 'newest' : 'count';
}

function matchingOf(tree: TreeReader, ids: readonly string[], query: Query): readonly FailureGroup[] {
  const grouping = groupFailures(
    tree,
    ids.filter(id => {
      const node = tree.node(id);
      return node !== undefined && query.matches(node);
    })
  );
  let step = grouping.next();
  while (!step.done) {
    step = grouping.next();
  }
  return step.value;
}

function failuresBelow(tree: TreeReader, roots: readonly string[]): number {
  return roots.reduce((sum, id) => sum + tree.rollup(id).failures, 0);
}

/** A stored tree may lack tasks; a live one is at most a moment ahead of the last look at it. */
function isStored(tree: TreeReader): boolean {
  return tree.version === 0;
}

export const failuresPart: Part = {
  id: 'failures',
  label: words => words.__('Failures'),
  isThere: () => true,
  count: ({ tree, roots }) => failuresBelow(tree, roots),
  Body: FailuresPart
};
