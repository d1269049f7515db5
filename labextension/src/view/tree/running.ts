/** Where in the rows it runs. */
import type { TreeReader } from '../../core/reader.js';
import { parseTime } from '../../core/times.js';
import type { Rows } from './rows.js';

/** The row of what began last and runs; of two that began together the deeper one. -1 where nothing runs. */
export function runningRow(tree: TreeReader, rows: Rows): number {
  let latest = -1;
  let latestStart = -Infinity;
  for (const [index, row] of rows.explicit()) {
    if (row.kind === 'omitted' || row.kind === 'rest') {
      continue;
    }
    const startedAt =
      row.kind === 'group' ? (row.open ? null : startOfGroup(row.alike)) : startOf(tree, row.id);
    if (startedAt !== null && startedAt >= latestStart) {
      latest = index;
      latestStart = startedAt;
    }
  }
  return latest;
}

function startOfGroup({
  underWay,
  startedAt
}: {
  underWay: number;
  startedAt: number | null;
}): number | null {
  return underWay > 0 ? (startedAt ?? 0) : null;
}

function startOf(tree: TreeReader, id: string): number | null {
  const node = tree.node(id);
  const isOwn = node?.status === 'running' || node?.status === 'review';
  if (!node || (!isOwn && tree.children(id).length === 0)) {
    return null;
  }
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  return isOwn || running + review > 0 ? (parseTime(node.started_at) ?? 0) : null;
}
