/** `application/vnd.tasktree.v1+json`: a tree as a notebook keeps it. */
import { isObject } from './json.js';
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

/** A bundle as far as it is one, from any notebook: what its nodes hold is `StaticTree`'s to judge. Null for anything else. */
export function parseBundle(value: unknown): Bundle | null {
  if (!isObject(value) || typeof value.version !== 'number' || !Array.isArray(value.nodes)) {
    return null;
  }
  const text = (field: unknown) => (typeof field === 'string' && field !== '' ? field : null);
  const integer = (field: unknown) => (Number.isSafeInteger(field) ? (field as number) : 0);
  return {
    version: value.version,
    project_id: text(value.project_id),
    mission_id: text(value.mission_id),
    title: text(value.title),
    follow: value.follow === true,
    epoch: text(value.epoch),
    offset: integer(value.offset),
    at: integer(value.at),
    ended: value.ended === true,
    nodes: value.nodes.filter(isObject) as unknown as Bundle['nodes'],
    omitted: isObject(value.omitted) ? (value.omitted as Record<string, Omitted>) : {},
    trimmed: isObject(value.trimmed) ? (value.trimmed as Record<string, string[]>) : {}
  };
}
