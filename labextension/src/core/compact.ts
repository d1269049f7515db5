/** Makes the bundle that a notebook keeps from a live tree, by the rules of Python's `display/bundle.py`. */
import type { Bundle } from './bundle.js';
import { put } from './json.js';
import type { Omitted, Rollup, StatusCounts, TreeNode, TreeReader } from './reader.js';
import { isEnded } from './status.js';
import { BRIEF, jsonBytes, trim, WHOLE } from './trim.js';

/** A bundle's size as compact JSON in UTF-8. */
export const MAX_BUNDLE_BYTES = 200_000;
const DETAILED = 10;
/** Bytes kept for what isn't a node. */
const HEAD = 6_000;
/** A run's own parts: so many of them come before all else, since they are what a run is about. */
const PHASES = 12;

export interface Origin {
  projectId: string | null;
  missionId: string | null;
  title: string;
  epoch: string | null;
  follow: boolean;
}

type StoredNode = TreeNode & { rollup: Rollup };

/**
 * The parts of the first run, then failed nodes, then running ones, each with all above them, then the tree from the top, until `maxBytes` are used; what is
 * left out is counted per parent. A mission that isn't in the tree gives a bundle without nodes.
 */
export function bundleOf(tree: TreeReader, origin: Origin, maxBytes = MAX_BUNDLE_BYTES): Bundle {
  const { missionId } = origin;
  const roots = missionId === null ? [...tree.roots] : tree.node(missionId) ? [missionId] : [];
  const cut = new Cut(tree, maxBytes - HEAD);
  const taken = chosen(tree, roots, id => cut.take(id));
  const omitted: Record<string, Omitted> = {};
  const nodes: StoredNode[] = [];
  const leftOut = roots.filter(id => !taken.has(id));
  if (leftOut.length > 0 && missionId === null) {
    const counts: StatusCounts = {};
    leftOut.forEach(id => count(counts, tree.rollup(id).counts, 1));
    omitted[''] = { count: leftOut.length, counts };
  }
  const stack = roots.filter(id => taken.has(id)).reverse();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    const node = cut.nodes.get(id);
    if (!node) {
      continue;
    }
    nodes.push(node);
    const children = tree.children(id);
    const shown = children.filter(child => taken.has(child));
    if (shown.length < children.length) {
      const counts = { ...node.rollup.counts };
      shown.forEach(child => count(counts, tree.rollup(child).counts, -1));
      put(omitted, id, { count: children.length - shown.length, counts: withoutZeros(counts) });
    }
    stack.push(...shown.reverse());
  }
  const first = nodes[0];
  if (first && missionId !== null) {
    delete first.parent_id;
  }
  const statuses = roots.map(id => tree.node(id)?.status ?? 'draft');
  const trimmed = [...cut.trimmed].filter(([id]) => taken.has(id));
  return {
    version: 1,
    project_id: origin.projectId,
    mission_id: missionId,
    title: origin.title.slice(0, 200),
    follow: origin.follow,
    epoch: origin.epoch,
    offset: tree.offset,
    at: tree.at,
    ended: statuses.length > 0 && statuses.every(isEnded),
    nodes,
    omitted,
    trimmed: Object.fromEntries(trimmed)
  };
}

/** Trims nodes as they are taken, and keeps account of the room. */
class Cut {
  readonly nodes = new Map<string, StoredNode>();
  readonly trimmed = new Map<string, string[]>();
  private detailed = 0;

  constructor(
    private readonly tree: TreeReader,
    private room: number
  ) {}

  take(id: string): boolean {
    const whole = this.tree.node(id);
    if (!whole) {
      return true;
    }
    // Errors are often alike: the first ones tell the whole of it, and the others leave room for more nodes.
    const telling = whole.status === 'failed' || whole.error !== undefined;
    const detailed = telling ? this.detailed < DETAILED : this.nodes.size === 0;
    const { node, lost } = trim(whole, detailed ? WHOLE : BRIEF);
    this.detailed += telling ? 1 : 0;
    const rollup = this.tree.rollup(id);
    const stored: StoredNode = { ...node, rollup };
    let size = jsonBytes(stored) + 1;
    if (lost.length > 0) {
      size += jsonBytes(id) + jsonBytes(lost) + 2;
    }
    if (this.tree.children(id).length > 0) {
      size += jsonBytes(id) + jsonBytes(rollup.counts) + 40;
    }
    this.room -= size;
    if (this.room < 0) {
      return false;
    }
    this.nodes.set(id, stored);
    if (lost.length > 0) {
      this.trimmed.set(id, lost);
    }
    return true;
  }
}

/** Nodes are offered by rank, each after those above it, until one is refused. */
function chosen(tree: TreeReader, roots: readonly string[], take: (id: string) => boolean): Set<string> {
  const parents = new Map<string, string | null>(roots.map(id => [id, null]));
  const taken = new Set<string>();
  for (const id of ranked(tree, roots, parents)) {
    const path: string[] = [];
    for (let above: string | null = id; above !== null && !taken.has(above);) {
      path.push(above);
      above = parents.get(above) ?? null;
    }
    for (const each of path.reverse()) {
      if (!take(each)) {
        return taken;
      }
      taken.add(each);
    }
  }
  return taken;
}

// By levels, since a large group that comes first would else keep all that stands beside it out of sight.
function ranked(tree: TreeReader, roots: readonly string[], parents: Map<string, string | null>): string[] {
  const failed: string[] = [];
  const running: string[] = [];
  const others: string[] = [];
  const phases = roots[0] === undefined ? [] : tree.children(roots[0]).slice(0, PHASES);
  let level = [...roots];
  while (level.length > 0) {
    const below: string[] = [];
    for (const id of level) {
      const status = tree.node(id)?.status;
      const rank =
        status === 'failed' ? failed : status === 'running' || status === 'review' ? running : others;
      rank.push(id);
      for (const child of tree.children(id)) {
        parents.set(child, id);
        below.push(child);
      }
    }
    level = below;
  }
  return [...phases, ...failed, ...running, ...others];
}

function count(into: StatusCounts, counts: StatusCounts, sign: 1 | -1): void {
  for (const [status, n] of Object.entries(counts) as [keyof StatusCounts, number][]) {
    into[status] = (into[status] ?? 0) + sign * n;
  }
}

function withoutZeros(counts: StatusCounts): StatusCounts {
  return Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
}
