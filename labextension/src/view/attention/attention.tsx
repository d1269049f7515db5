import { useId, useRef, useState } from 'react';
import type { StaleTasks } from '../../core/presence.js';
import type { TreeReader } from '../../core/reader.js';
import { useNow } from '../clock.js';
import { usePointerNear } from '../hold.js';
import { formatCount } from '../format.js';
import { useWords } from '../words.js';
import { AttentionChip } from './attention-chip.js';
import { AttentionList } from './attention-list.js';
import { useAttention } from './use-attention.js';

interface Props {
  tree: TreeReader;
  /** Another one after every change of `tree`. */
  version: string;
  roots: readonly string[];
  /** Whether the tree is what the server has: else nobody knows what is slow or silent just now. */
  isLive: boolean;
  stale: StaleTasks;
  onReveal: (id: string) => void;
}

/** In a view's header: how many things need attention, and below it, when somebody wants, which. */
export function Attention(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const isHeld = usePointerNear(place, '.tt-view');
  const { items, now } = useItems(props);
  const [open, setOpen] = useState(false);
  const listId = useId();
  return (
    <>
      <AttentionChip count={items.length} open={open} listId={listId} onToggle={() => setOpen(!open)} />
      <div ref={place} id={listId} className="tt-attention" hidden={!open}>
        {open ? <Items {...props} items={items} now={now} isHeld={isHeld} /> : null}
      </div>
    </>
  );
}

/** The same as a section of the side panel. Its title is always there, so that nothing moves when there is something. */
export function AttentionSection(props: Props) {
  const words = useWords();
  const place = useRef<HTMLDivElement>(null);
  const isHeld = usePointerNear(place, '.tt-view');
  const { items, now } = useItems(props);
  return (
    <>
      <div ref={place} className="tt-section">
        <h3 className="tt-section-title">{words.__('Needs attention')}</h3>
        <span className="tt-section-count">
          {items.length === 0 ? words.__('nothing') : formatCount(items.length)}
        </span>
      </div>
      <div className="tt-attention">
        <AttentionList {...props} items={items} now={now} isHeld={isHeld} />
      </div>
    </>
  );
}

function useItems({ tree, version, roots, isLive, stale }: Props) {
  const runs = roots.some(id => (tree.rollup(id).counts.running ?? 0) > 0);
  const now = useNow(isLive && runs) * 1000;
  const items = useAttention({ tree, version, roots, now: isLive ? now : null, stale });
  return { items, now };
}

function Items(props: Props & { items: ReturnType<typeof useItems>['items']; now: number; isHeld: boolean }) {
  const words = useWords();
  return (
    <>
      {props.items.length === 0 ? (
        <p className="tt-attention-none">{words.__('Nothing needs attention.')}</p>
      ) : null}
      <AttentionList {...props} />
    </>
  );
}
