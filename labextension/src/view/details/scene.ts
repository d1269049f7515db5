import type { Follow, Hub } from '../../core/follow.js';
import type { History } from '../../core/history.js';
import type { TreeNode, TreeReader } from '../../core/reader.js';

/** What the sections of the details are given: the task, and the world that it stands in. */
export interface Scene {
  tree: TreeReader;
  node: TreeNode;
  /** Microseconds since 1970 up to which running tasks are timed; null: unknown. */
  now: number | null;
  /** Milliseconds since 1970, to tell today's times from others. */
  today: number;
  ticks: boolean;
  /** Null where there is no server to ask for what happened before. */
  history: History | null;
  projectId: string;
  follow: Follow | null;
  onSelect: (id: string | null) => void;
}

export function historyOf(hub: Hub | null, projectId: string | null): History | null {
  return projectId === null ? null : (hub?.history ?? null);
}
