/** When and what a renderer writes into the notebook, so that the file holds how a run ended. */
import type { Bundle } from '../core/bundle.js';
import { bundleOf } from '../core/compact.js';
import type { Follow } from '../core/follow.js';
import type { Rollup, TreeNode, TreeReader } from '../core/reader.js';
import { isEnded } from '../core/status.js';

/** `ended`: the run has, write once. `saving`: the file is being written anyway, so let it hold how far the run is. */
export type Occasion = 'ended' | 'saving';

type Following = Pick<Follow, 'tree' | 'status' | 'epoch'>;

/**
 * Whether the live tree should take the place of `stored`. Only what the server says now is written, and only where it is newer: two
 * writers would else answer each other for ever. `missionId` null: the whole project is shown.
 */
export function isNewer(
  stored: Bundle,
  storedTree: TreeReader,
  following: Following | null,
  missionId: string | null,
  occasion: Occasion
): boolean {
  const tree = following?.tree;
  if (!tree || following.status !== 'live' || stored.project_id === null) {
    return false;
  }
  const roots = rootsOf(tree, missionId);
  const ended = roots.length > 0 && roots.every(root => isEnded(root.status));
  if (roots.length === 0 || (occasion === 'ended' && !ended)) {
    return false;
  }
  const sameLog = stored.epoch === null || stored.epoch === following.epoch;
  if (sameLog && stored.offset >= tree.offset) {
    return false;
  }
  // The log goes on with other runs; that makes the end of this one no newer.
  return !(sameLog && stored.ended && ended && roots.every(root => endsAlike(storedTree, tree, root)));
}

/** What is written in place of `stored`. */
export function newerBundle(
  stored: Bundle,
  following: Following & { tree: TreeReader },
  missionId: string | null
): Bundle {
  return bundleOf(following.tree, {
    projectId: stored.project_id,
    missionId,
    title: stored.title ?? '',
    epoch: following.epoch,
    follow: stored.follow
  });
}

function rootsOf(tree: TreeReader, missionId: string | null): TreeNode[] {
  const ids = missionId === null ? tree.roots : [missionId];
  return ids.map(id => tree.node(id)).filter(node => node !== undefined);
}

function endsAlike(stored: TreeReader, live: TreeReader, root: TreeNode): boolean {
  const kept = stored.node(root.node_id);
  return (
    kept?.status === root.status &&
    (kept.attempt ?? 1) === (root.attempt ?? 1) &&
    kept.ended_at === root.ended_at &&
    sameNumbers(stored.rollup(root.node_id), live.rollup(root.node_id))
  );
}

function sameNumbers(a: Rollup, b: Rollup): boolean {
  const counts = (rollup: Rollup) => JSON.stringify(Object.entries(rollup.counts).sort());
  const numbers = ['leaves', 'total', 'done', 'failures'] as const;
  return numbers.every(name => a[name] === b[name]) && counts(a) === counts(b);
}

interface Awareness {
  clientID: number;
  getStates(): ReadonlyMap<number, unknown>;
}

/** One client of those that have the document open: the one with the lowest id. Alone, it is this one. */
export function isElected(awareness: Awareness | null | undefined): boolean {
  if (!awareness) {
    return true;
  }
  const others = [...awareness.getStates().keys()];
  return others.every(id => id >= awareness.clientID);
}
