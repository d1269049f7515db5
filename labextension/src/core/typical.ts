/** How long things usually take, by the earlier runs that are in the tree. */
import type { Rollup, TreeNode, TreeReader } from './reader.js';
import { isEnded } from './status.js';

export interface Usual {
  /** Microseconds. */
  median: number;
  /** How many earlier runs say so. */
  runs: number;
}

/** The last so many earlier runs count: what was long ago says little. */
export const RUNS = 10;
/** Of runs of the same name, so many are looked at. */
const LOOKED_AT = 50;
/** Of so many times more, or fewer, tasks it is another work, and no measure. */
const SIZES = 2;
/** In a group of more, a task's siblings say better how long it takes than its namesake in an earlier run. */
const LARGEST_GROUP = 256;

interface Earlier {
  roots: readonly string[];
  title: string;
  /** What was looked at; as long as none of it is another object, all is as it was. */
  seen: ReadonlyMap<string, TreeNode | undefined>;
  /** Those that have ended, newest first. */
  ended: readonly string[];
  /** How long the same task took in each of them, by its path. */
  took: Map<string, readonly Took[]>;
}

/** What an earlier one took, and how large it was. */
export interface Took {
  /** Microseconds. */
  duration: number;
  /** Tasks at or below it. */
  total: number;
}

const known = new WeakMap<TreeReader, Map<string, Earlier>>();

/** What the same task (by the titles on its path) took in earlier runs of about its size that completed it; null where none did. */
export function usualDuration(tree: TreeReader, id: string): Usual | null {
  const path = pathTo(tree, id);
  const root = path?.[0];
  if (!path || root === undefined) {
    return null;
  }
  const earlier = earlierThan(tree, root);
  if (earlier.ended.length === 0) {
    return null;
  }
  const key = JSON.stringify([id, ...path.map(each => tree.node(each)?.title)]);
  const took = earlier.took.get(key) ?? tookIn(tree, path, earlier.ended);
  earlier.took.set(key, took);
  return usualOf(tree.rollup(id), took);
}

/** By those that are about as large as what `rollup` is of; null where none is. */
export function usualOf(rollup: Rollup, took: readonly Took[]): Usual | null {
  const alike = took.filter(({ total }) => isAsLarge(rollup, total)).map(({ duration }) => duration);
  return alike.length === 0 ? null : { median: medianOf(alike), runs: alike.length };
}

/** Whether something of so many tasks is about as large; what is still growing may become so. */
function isAsLarge({ total, leaves, counts }: Rollup, theirs: number): boolean {
  if (total > theirs * SIZES) {
    return false;
  }
  const { draft = 0, ready = 0 } = counts;
  const isWhole = total > leaves || draft + ready > 0;
  return !isWhole || total * SIZES >= theirs;
}

/** From the root to the node. */
function pathTo(tree: TreeReader, id: string): string[] | null {
  const path: string[] = [];
  for (let at: string | undefined = id; at !== undefined; at = tree.node(at)?.parent_id) {
    if (tree.node(at)?.title === undefined) {
      return null;
    }
    path.unshift(at);
  }
  return path;
}

function earlierThan(tree: TreeReader, root: string): Earlier {
  let ofTree = known.get(tree);
  if (!ofTree) {
    ofTree = new Map();
    known.set(tree, ofTree);
  }
  const kept = ofTree.get(root);
  if (kept && isAsItWas(tree, root, kept)) {
    return kept;
  }
  const { roots } = tree;
  const title = tree.node(root)?.title ?? '';
  const seen = new Map<string, TreeNode | undefined>();
  const ended: string[] = [];
  for (let index = roots.indexOf(root) - 1; index >= 0 && seen.size < LOOKED_AT; index--) {
    const id = roots[index] as string;
    const node = tree.node(id);
    if (node?.title !== title) {
      continue;
    }
    seen.set(id, node);
    if (isEnded(node.status)) {
      ended.push(id);
      if (ended.length === RUNS) {
        break;
      }
    }
  }
  const earlier = { roots, title, seen, ended, took: new Map<string, readonly Took[]>() };
  ofTree.set(root, earlier);
  return earlier;
}

function isAsItWas(tree: TreeReader, root: string, { roots, title, seen }: Earlier): boolean {
  if (roots !== tree.roots || title !== tree.node(root)?.title) {
    return false;
  }
  for (const [id, node] of seen) {
    if (tree.node(id) !== node) {
      return false;
    }
  }
  return true;
}

function tookIn(tree: TreeReader, path: readonly string[], runs: readonly string[]): readonly Took[] {
  const steps: { title: string; place: number }[] = [];
  for (let index = 1; index < path.length; index++) {
    const siblings = tree.children(path[index - 1] as string);
    const id = path[index] as string;
    if (siblings.length > LARGEST_GROUP) {
      return [];
    }
    const title = tree.node(id)?.title ?? '';
    // The second "step" of a group is compared with the second one.
    const place = siblings
      .slice(0, siblings.indexOf(id))
      .filter(each => tree.node(each)?.title === title).length;
    steps.push({ title, place });
  }
  const took: Took[] = [];
  for (const run of runs) {
    const id = follow(tree, run, steps);
    if (id === null || tree.node(id)?.status !== 'completed') {
      continue;
    }
    const { startedAt, endedAt } = tree.span(id);
    if (startedAt !== null && endedAt !== null) {
      took.push({ duration: endedAt - startedAt, total: tree.rollup(id).total });
    }
  }
  return took;
}

function follow(
  tree: TreeReader,
  run: string,
  steps: readonly { title: string; place: number }[]
): string | null {
  let at = run;
  for (const { title, place } of steps) {
    const children = tree.children(at);
    if (children.length > LARGEST_GROUP) {
      return null;
    }
    const found = children.filter(id => tree.node(id)?.title === title)[place];
    if (found === undefined) {
      return null;
    }
    at = found;
  }
  return at;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
