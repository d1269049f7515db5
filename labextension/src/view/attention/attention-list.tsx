import { useRef, useState } from 'react';
import type { AttentionItem } from '../../core/attention.js';
import type { TreeReader } from '../../core/reader.js';
import { formatCount } from '../format.js';
import { useHeld, useHeldOrder } from '../hold.js';
import { useWords } from '../words.js';
import { KindIcon } from './kind-icon.js';
import { tellItem } from './words.js';

/** Items that are shown unless somebody wants all, and the most of all that are seen without scrolling. */
export const SHOWN = 5;
const MOST = 12;
const ROW = 26;

interface Props {
  tree: TreeReader;
  items: readonly AttentionItem[];
  /** Microseconds since 1970. */
  now: number;
  /** Somebody's pointer is near: nothing may move. */
  isHeld: boolean;
  onReveal: (id: string) => void;
}

const keyOf = (item: AttentionItem) => item.key;

/** Five, and all on demand. Whatever comes while somebody points at something near comes below, and is scrolled to. */
export function AttentionList({ tree, items, now, isHeld, onReveal }: Props) {
  const words = useWords();
  const [all, setAll] = useState(false);
  const [current, setCurrent] = useState<string | null>(null);
  const [hasFocus, setHasFocus] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const ordered = useHeldOrder(items, keyOf, isHeld || hasFocus);
  const drawn = all ? ordered : ordered.slice(0, SHOWN);
  const hasMore = items.length > SHOWN;
  const fitting = Math.min(drawn.length, all ? MOST : SHOWN) * ROW;
  const kept = useHeld({ all, fitting, hasMore }, isHeld);
  // Opening it is somebody's own wish.
  const height = isHeld && kept.all === all ? kept.fitting : fitting;
  const offers = isHeld && kept.all === all ? kept.hasMore : hasMore;
  const first = drawn.some(item => item.key === current) ? current : (drawn[0]?.key ?? null);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const at = (event.target as HTMLElement).dataset.item;
    const index = drawn.findIndex(item => item.key === at);
    const steps: Record<string, number> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: drawn.length - 1
    };
    const to = steps[event.key];
    if (index < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const next = drawn[to];
    if (next) {
      setCurrent(next.key);
      list.current?.querySelectorAll<HTMLElement>('.tt-attention-item')[to]?.focus();
    }
  };

  return (
    <>
      {/* The items' own buttons have the keyboard; here it is heard what moves between them. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ul
        ref={list}
        className="tt-attention-list"
        aria-label={words.__('Needs attention')}
        style={{ height }}
        onKeyDown={onKeyDown}
        onFocus={() => setHasFocus(true)}
        onBlur={event => setHasFocus(event.currentTarget.contains(event.relatedTarget))}
      >
        {drawn.map(item => {
          const { what, note } = tellItem(words, tree, item, now);
          const { id } = item;
          return (
            <li key={item.key}>
              <button
                type="button"
                className="tt-attention-item"
                data-item={item.key}
                data-kind={item.kind}
                data-node-id={id ?? undefined}
                tabIndex={item.key === first ? 0 : -1}
                title={`${what} · ${note}`}
                aria-disabled={id === null || undefined}
                onFocus={() => setCurrent(item.key)}
                onClick={id === null ? undefined : () => onReveal(id)}
              >
                <KindIcon kind={item.kind} />
                <span className="tt-item-title">{what}</span> <span className="tt-item-note">{note}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {offers ? (
        <button type="button" className="tt-link tt-attention-all" onClick={() => setAll(!all)}>
          {all ? words.__('only %1', formatCount(SHOWN)) : words.__('all %1', formatCount(items.length))}
        </button>
      ) : null}
    </>
  );
}
