/** `application/vnd.tasktree.v1+json`: a tree as a notebook keeps it. */
import type { Omitted, Rollup, TreeNode } from './reader.js';

export const BUNDLE_MIME_TYPE = 'application/vnd.tasktree.v1+json';

export interface Bundle {
  version: number;
  /** Null: the tree of one process without a server, which can't become live. */
  project_id: string | null;
  /** The run that is shown; null: whatever the project has. */
  mission_id: string | null;
  title?: string | null;
  /** Show a newer run when one starts. */
  follow: boolean;
  epoch: string | null;
  offset: number;
  at: number;
  /** The run had ended when this was written. */
  ended: boolean;
  /** Parents first. */
  nodes: (TreeNode & { rollup: Rollup })[];
  /** Children that were left out, by parent; "" for the roots. */
  omitted?: Record<string, Omitted>;
  /** Fields that were cut short to make room, by node. */
  trimmed?: Record<string, string[]>;
}
