/** What the server says of projects and of what was published to them. */
import type { Rollup, Status } from './reader.js';
import { isInteger } from './shape.js';

export interface MissionInfo {
  mission_id: string;
  title?: string | null;
  status: Status;
  rollup: Rollup;
  created_at?: string | null;
  started_at?: string | null;
  ended_at?: string | null;
}

/**
 * Something that people must know about how data is kept. `kind`: `memory`, `full`, `readonly`, `failing`; of one project `locked`,
 * `damaged`; a newer server may know more. `message` is the server's, in English.
 */
export interface StorageNotice {
  kind: string;
  message: string;
}

export interface ProjectInfo {
  project_id: string;
  title?: string | null;
  path?: string | null;
  kind: 'notebook' | 'script' | 'named';
  /** Microseconds since 1970. */
  created_at: number;
  epoch?: string | null;
  offset: number;
  at: number;
  /** Newest first, at most 20. */
  missions: MissionInfo[];
  missions_total: number;
  /** How many of these missions' running leaves are stale, by mission; absent where none is, and from an older server. */
  stale?: Record<string, number>;
  /** Only where the project's file isn't well. */
  storage?: StorageNotice;
}

/** How many of a run's tasks are said to run, but their process isn't heard. Needs no tree. */
export function staleOf({ stale }: ProjectInfo, { mission_id, rollup }: MissionInfo): number {
  const count = stale && Object.hasOwn(stale, mission_id) ? stale[mission_id] : 0;
  return isInteger(count, 0) ? Math.min(count, rollup.counts.running ?? 0) : 0;
}

export interface Published {
  project_id: string;
  source: string | null;
  upto: number | null;
  epoch: string;
  offset: number;
  duplicates: number;
  rejected: { index: number; code: string; field?: string; message: string; reason?: string }[];
}

export interface Resolved {
  project_id: string;
  info: ProjectInfo | null;
}
