/** What a view shows of tasks whose process isn't heard: they may run, or not; nobody knows. */
import { createContext, useContext } from 'react';
import type { StaleTasks } from '../core/presence.js';
import type { TreeReader } from '../core/reader.js';

export interface Staleness {
  /** When the process of a task that has begun was last heard, microseconds since 1970; null: it isn't stale. */
  since(id: string): number | null;
  /** How many of the running leaves at or below a node are stale. */
  count(id: string): number;
  /** The last word of the stale ones at or below a node. */
  lastWord(id: string): number | null;
}

interface Sum {
  count: number;
  lastWord: number;
}

export const NONE: Staleness = { since: () => null, count: () => 0, lastWord: () => null };

/** Looks at the stale tasks and what is above them, not at the whole tree. */
export function stalenessOf(tree: TreeReader, stale: StaleTasks): Staleness {
  if (stale.size === 0) {
    return NONE;
  }
  const sums = new Map<string, Sum>();
  const begun = new Map<string, number>();
  for (const [id, since] of stale) {
    const node = tree.node(id);
    if (node?.status !== 'running') {
      continue;
    }
    begun.set(id, since);
    const isLeaf = tree.children(id).length === 0;
    for (let above: string | undefined = id; above !== undefined; above = tree.node(above)?.parent_id) {
      const sum = sums.get(above) ?? { count: 0, lastWord: 0 };
      sum.count += isLeaf ? 1 : 0;
      sum.lastWord = Math.max(sum.lastWord, since);
      sums.set(above, sum);
    }
  }
  return {
    since: id => begun.get(id) ?? null,
    count: id => sums.get(id)?.count ?? 0,
    lastWord: id => sums.get(id)?.lastWord ?? null
  };
}

export const StalenessContext = createContext<Staleness>(NONE);

export function useStaleness(): Staleness {
  return useContext(StalenessContext);
}
