/** What the incremental tree has to agree with, computed the plain way from scratch. */
import type { Rollup, Status, TreeNode } from '../../src/core/reader.js';
import type { TreeState } from '../../src/core/state.js';
import { TaskTree } from '../../src/core/tree.js';
import { parseTime } from '../../src/core/times.js';

const ENDED = ['completed', 'failed', 'cancelled', 'skipped'];

export function naiveRollup(tree: TaskTree, id: string): Rollup {
  const { leaves, total, done, failures, counts } = sums(tree, id);
  const divisor = total - (counts.skipped ?? 0);
  return {
    leaves,
    total,
    done,
    failures,
    counts,
    progress: divisor === 0 ? 1000 : Math.floor(done / divisor)
  };
}

function sums(tree: TaskTree, id: string): Omit<Rollup, 'progress'> {
  const node = tree.node(id)!;
  const isEnded = ENDED.includes(node.status);
  const share = isEnded ? 0 : (node.expected ?? 0);
  const children = tree.children(id).map(child => sums(tree, child));
  if (children.length === 0) {
    let done = isEnded ? 1000 : Math.floor((node.progress ?? 0) * 1000 + 0.5);
    if (node.status === 'skipped') {
      done = 0;
    }
    const failures = node.status === 'failed' ? 1 : 0;
    return { leaves: 1, total: Math.max(share, 1), done, failures, counts: { [node.status]: 1 } };
  }
  const counts: Partial<Record<Status, number>> = {};
  for (const child of children) {
    for (const [status, count] of Object.entries(child.counts)) {
      counts[status as Status] = (counts[status as Status] ?? 0) + count;
    }
  }
  const sum = (of: (child: (typeof children)[number]) => number) =>
    children.reduce((so, child) => so + of(child), 0);
  return {
    leaves: sum(child => child.leaves),
    total: Math.max(
      share,
      sum(child => child.total)
    ),
    done: sum(child => child.done),
    failures: sum(child => child.failures) || (node.status === 'failed' ? 1 : 0),
    counts
  };
}

export function naiveSpan(tree: TaskTree, id: string): { startedAt: number | null; endedAt: number | null } {
  const node = tree.node(id)!;
  const spans = [
    { startedAt: parseTime(node.started_at), endedAt: parseTime(node.ended_at) },
    ...tree.children(id).map(child => naiveSpan(tree, child))
  ];
  const starts = spans.map(span => span.startedAt).filter(time => time !== null);
  const ends = spans.map(span => span.endedAt).filter(time => time !== null);
  return {
    startedAt: starts.length > 0 ? Math.min(...starts) : null,
    endedAt: ends.length > 0 ? Math.max(...ends) : null
  };
}

/** Everything a tree holds, as JSON says it; two trees are the same if these are. */
export function whole(tree: TaskTree): unknown {
  const nodes = [...tree.nodes()].map(node => ({ ...node, rollup: tree.rollup(node.node_id) }));
  return JSON.parse(JSON.stringify({ state: tree.state(), nodes })) as unknown;
}

/** Through JSON, as a snapshot goes over the wire. */
export function reload(tree: TaskTree): TaskTree {
  const wire = JSON.stringify({ state: tree.state(), nodes: [...tree.nodes()] });
  const { state, nodes } = JSON.parse(wire) as { state: TreeState; nodes: TreeNode[] };
  return TaskTree.load(state, nodes);
}

/** JSON with its keys in order; `__proto__` among them. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      return item;
    }
    const sorted: Record<string, unknown> = {};
    for (const key of Object.keys(item).sort()) {
      const field = (item as Record<string, unknown>)[key];
      Object.defineProperty(sorted, key, { value: field, enumerable: true });
    }
    return sorted;
  });
}
