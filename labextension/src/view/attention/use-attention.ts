import { useMemo } from 'react';
import { attention, type AttentionItem } from '../../core/attention.js';
import type { StaleTasks } from '../../core/presence.js';
import type { TreeReader } from '../../core/reader.js';
import { useTrouble } from '../trouble.js';

interface Seen {
  tree: TreeReader;
  /** Another one after every change of `tree`. */
  version: string;
  roots: readonly string[];
  /** Microseconds since 1970; null where it isn't known how things stand just now. */
  now: number | null;
  stale: StaleTasks;
}

/** What needs attention below these roots. */
export function useAttention({ tree, version, roots, now, stale }: Seen): readonly AttentionItem[] {
  const { survey, failures } = useTrouble(tree, version, roots);
  return useMemo(
    () => attention(tree, roots, survey, failures, { now, stale }),
    [tree, roots, survey, failures, now, stale]
  );
}
