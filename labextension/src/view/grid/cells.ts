/** What the status grid shows: one cell a leaf, in the order of the tree. */
import type { Query } from '../../core/query.js';
import type { Status, StatusCounts, TreeNode, TreeReader } from '../../core/reader.js';
import { isEnded } from '../../core/status.js';
import type { Staleness } from '../staleness.js';
import { STATUS_ORDER } from '../status.js';
import type { Work } from '../slices.js';

/** What is shown of which tree. */
export interface Shown {
  tree: TreeReader;
  roots: readonly string[];
  withOmittedRoots: boolean;
  stale: Staleness;
  query: Query | null;
}

/** How a cell looks: a status, running as far as anybody knows, or a task that is expected and not there yet. */
export type Look = Status | 'stale' | 'expected';

/** The most urgent first: what a cell that stands for several tasks shows. */
export const LOOKS: readonly Look[] = [
  'failed',
  'stale',
  'running',
  'review',
  'completed',
  'cancelled',
  'skipped',
  'ready',
  'draft',
  'expected'
];

const CODES = Object.fromEntries(LOOKS.map((look, code) => [look, code])) as Record<Look, number>;
/** Added to the code of what isn't looked for. */
const DIMMED = 16;
/** Beyond this there is nothing to see in it; a task may expect any number of others. */
const MOST = 250_000;
/** Nodes between two looks at the clock. */
const STEP = 500;

export interface Cells {
  /** One byte a leaf. */
  codes: Uint8Array;
  /** Null where there is no task to go to: it is expected, or wasn't kept in a stored tree. */
  ids: (string | null)[];
  /** As they were when the codes were made. */
  nodes: (TreeNode | null)[];
  query: Query | null;
}

export const NO_CELLS: Cells = { codes: new Uint8Array(), ids: [], nodes: [], query: null };

export function lookOf(code: number): Look {
  return LOOKS[code % DIMMED] ?? 'draft';
}

export function isDimmed(code: number): boolean {
  return code >= DIMMED;
}

export function isFailure(code: number): boolean {
  return code === CODES.failed;
}

interface Level {
  node: TreeNode | undefined;
  id: string | null;
  children: readonly string[];
  next: number;
  /** Leaves that are there or expected below. */
  total: number;
}

/**
 * Goes through the tree once. `before`: what came out the last time; whether a node that didn't change since is looked for needn't be found out
 * again. A leaf's cell is there before the leaf is, where its group said how many are to come: so the picture doesn't shrink while tasks come in.
 */
export function* cellsOf({ tree, roots, withOmittedRoots, stale, query }: Shown, before: Cells): Work<Cells> {
  const ids: (string | null)[] = [];
  const nodes: (TreeNode | null)[] = [];
  let codes = new Uint8Array(Math.max(before.codes.length, 1024));
  const isSameQuery = before.query === query;
  const add = (code: number, id: string | null, node: TreeNode | null) => {
    if (ids.length === codes.length) {
      const longer = new Uint8Array(codes.length * 2);
      longer.set(codes);
      codes = longer;
    }
    codes[ids.length] = code;
    ids.push(id);
    nodes.push(node);
  };
  const addSeveral = (look: Look, count: number) => {
    const code = CODES[look] + (query ? DIMMED : 0);
    for (let i = Math.min(count, MOST - ids.length); i > 0; i -= 1) {
      add(code, null, null);
    }
  };
  const isLookedFor = (node: TreeNode): boolean => {
    const at = ids.length;
    return isSameQuery && before.nodes[at] === node
      ? !isDimmed(before.codes[at] ?? 0)
      : (query?.matches(node) ?? true);
  };

  const path: Level[] = [{ node: undefined, id: null, children: roots, next: 0, total: 0 }];
  const onPath = new Set<string>();
  let steps = 0;
  for (let level = path.at(-1); level && ids.length < MOST; level = path.at(-1)) {
    const id = level.children[level.next];
    level.next += 1;
    steps += 1;
    if (steps % STEP === 0) {
      yield;
    }
    if (id === undefined) {
      path.pop();
      let wanted = expectedBy(level.node);
      const omitted = level.id !== null || withOmittedRoots ? tree.omitted(level.id) : null;
      if (omitted) {
        level.total += addOmitted(omitted.counts, addSeveral);
        // What was left out may have expected more, too, and of that only the roll-up knows.
        wanted = Math.max(wanted, level.id === null ? 0 : tree.rollup(level.id).total);
      }
      addSeveral('expected', wanted - level.total);
      const above = path.at(-1);
      if (above) {
        above.total += Math.max(wanted, level.total);
      }
      if (level.id !== null) {
        onPath.delete(level.id);
      }
      continue;
    }
    const node = tree.node(id);
    if (!node || onPath.has(id)) {
      continue;
    }
    const children = tree.children(id);
    if (children.length > 0 || tree.omitted(id)) {
      onPath.add(id);
      path.push({ node, id, children, next: 0, total: 0 });
      continue;
    }
    const look = node.status === 'running' && stale.since(id) !== null ? 'stale' : node.status;
    add(CODES[look] + (isLookedFor(node) ? 0 : DIMMED), id, node);
    const more = expectedBy(node) - 1;
    addSeveral('expected', more);
    level.total += Math.max(more, 0) + 1;
  }
  return { codes: codes.slice(0, ids.length), ids, nodes, query };
}

/** As the fold counts: what has ended expects nothing more. */
function expectedBy(node: TreeNode | undefined): number {
  return node && !isEnded(node.status) ? (node.expected ?? 0) : 0;
}

/** How many there were. */
function addOmitted(counts: StatusCounts, add: (look: Look, count: number) => void): number {
  let sum = 0;
  for (const status of STATUS_ORDER) {
    const count = counts[status] ?? 0;
    add(status, count);
    sum += count;
  }
  return sum;
}

/** Up to this share of failures none may be missed; beyond it, it is their share that is to be seen. */
export const FEW_FAILURES = 0.05;
const A_DOZEN = 12;

/**
 * What cells show that stand for `each` tasks: the most urgent of what is looked for, else what is most of the rest. Where much failed, of the cells with
 * a failure only so many show one that their share is that of the tasks: else two in five would look like nearly all.
 */
export function summed(codes: Uint8Array, each: number): Uint8Array {
  if (each === 1) {
    return codes;
  }
  const sums = new Uint8Array(Math.ceil(codes.length / each));
  let withFailure = 0;
  for (let cell = 0; cell < sums.length; cell += 1) {
    const { counts, dim } = countedIn(codes, cell, each);
    sums[cell] = mostTelling(counts) + dim;
    withFailure += isFailure(sums[cell] ?? 0) ? 1 : 0;
  }
  if (withFailure <= Math.max(A_DOZEN, FEW_FAILURES * sums.length)) {
    return sums;
  }
  // Failures that no cell has shown so far.
  let owed = 0;
  for (let cell = 0; cell < sums.length; cell += 1) {
    if (isFailure(sums[cell] ?? 0)) {
      const { counts } = countedIn(codes, cell, each);
      const tasks = counts.reduce((sum, count) => sum + count, 0);
      owed += counts[CODES.failed] ?? 0;
      if (owed * 2 >= tasks) {
        owed -= tasks;
      } else {
        counts[CODES.failed] = 0;
        sums[cell] = mostTelling(counts);
      }
    }
  }
  return sums;
}

const counts = new Uint32Array(DIMMED);

/** Of what is looked for, else of the rest. Holds until the next call. */
function countedIn(codes: Uint8Array, cell: number, each: number): { counts: Uint32Array; dim: number } {
  counts.fill(0);
  const end = Math.min((cell + 1) * each, codes.length);
  let isAnyMeant = false;
  for (let at = cell * each; at < end; at += 1) {
    isAnyMeant ||= !isDimmed(codes[at] ?? 0);
  }
  for (let at = cell * each; at < end; at += 1) {
    const code = codes[at] ?? 0;
    if (isDimmed(code) !== isAnyMeant) {
      counts[code % DIMMED] = (counts[code % DIMMED] ?? 0) + 1;
    }
  }
  return { counts, dim: isAnyMeant ? 0 : DIMMED };
}

function mostTelling(counts: Uint32Array): number {
  const urgent = CODES.review;
  let best = 0;
  for (let code = 0; code < LOOKS.length; code += 1) {
    const count = counts[code] ?? 0;
    if (count > 0 && code <= urgent) {
      return code;
    }
    if (count > (counts[best] ?? 0)) {
      best = code;
    }
  }
  return best;
}

/** How many of what the tasks from `from` to before `to` are, the most urgent first. */
export function countsBetween(codes: Uint8Array, from: number, to: number): [Look, number][] {
  const counts = new Map<Look, number>();
  for (let at = from; at < Math.min(to, codes.length); at += 1) {
    const look = lookOf(codes[at] ?? 0);
    counts.set(look, (counts.get(look) ?? 0) + 1);
  }
  return LOOKS.filter(look => counts.has(look)).map(look => [look, counts.get(look) ?? 0]);
}

/** The next failure that is looked for after `from`, or before it with `step` -1; round the end, if need be. -1 where there is none. */
export function nextFailure(codes: Uint8Array, from: number, step: 1 | -1): number {
  for (let i = 1; i <= codes.length; i += 1) {
    const at = (((from + step * i) % codes.length) + codes.length) % codes.length;
    if (isFailure(codes[at] ?? 0)) {
      return at;
    }
  }
  return -1;
}
