import type { TreeReader } from '../core/reader.js';
import { parseTime } from '../core/times.js';

export interface Mission {
  id: string;
  /** Runs are numbered from 1 in the order in which they were created. */
  run: number;
  createdAt: number | null;
}

/** All of a project's runs, newest first. Nodes that nothing was said about yet aren't runs. */
export function missionsOf(tree: TreeReader): Mission[] {
  const missions = tree.roots
    .filter(id => tree.node(id) && !tree.node(id)?.placeholder)
    .map((id, order) => ({ id, order, createdAt: parseTime(tree.node(id)?.created_at) }));
  missions.sort((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0) || a.order - b.order);
  return missions.map(({ id, createdAt }, index) => ({ id, createdAt, run: index + 1 })).reverse();
}
