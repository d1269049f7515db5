/** The frames of `tasktree.v1.json` (docs/protocol.md). */
import type { Envelope, TreeEvent } from './envelope.js';
import type { ProjectInfo, Published, StorageNotice } from './info.js';
import { isObject } from './json.js';
import type { TreeNode } from './reader.js';
import type { TreeState } from './state.js';

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = 'tasktree.v1.json';

export const CLOSE_FORBIDDEN = 4500;
export const CLOSE_NO_PROTOCOL = 4501;

/** Whether a client should reconnect after this close code: all but 4500–4999. */
export function mayComeBack(closeCode: number): boolean {
  return closeCode < 4500 || closeCode > 4999;
}

/** Where a follower stands in a log; `at` is the commit time of that event, microseconds since 1970. */
export interface Position {
  epoch: string;
  offset: number;
  at: number | null;
}

export interface Limits {
  max_message_bytes?: number;
  max_events_per_publish?: number;
  max_unacked_bytes?: number;
  /** Seconds. */
  ping_interval?: number;
}

/** Any frame: what it is, and fields that nobody has checked yet. */
export interface Frame {
  op: string;
  [field: string]: unknown;
}

/** What a `welcome` or a `storage` frame says of how data is kept; null: as usual. */
export function asNotice(value: unknown): StorageNotice | null {
  return isObject(value) && typeof value.kind === 'string' && typeof value.message === 'string'
    ? { kind: value.kind, message: value.message }
    : null;
}

/** Null where a text is no frame. */
export function asFrame(value: unknown): Frame | null {
  return isObject(value) && typeof value.op === 'string' ? (value as Frame) : null;
}

export type ClientFrame =
  | { op: 'subscribe'; ref: number; project_id: string; since: Position | null }
  | { op: 'unsubscribe'; ref: number; project_id: string }
  | { op: 'ack'; project_id: string; offset: number }
  | { op: 'publish'; ref: number; project_id: string | null; events: Envelope[] }
  | { op: 'resolve'; ref: number; kernel_id?: string; path?: string; title?: string }
  | { op: 'watch'; ref: number }
  | { op: 'unwatch'; ref: number }
  | { op: 'ping' }
  | { op: 'pong' };

export interface SnapshotFrame extends Frame {
  op: 'snapshot';
  project_id: string;
  epoch: string;
  offset: number;
  at: number;
  part: number;
  parts: number;
  /** In part 0. */
  state?: TreeState;
  nodes: TreeNode[];
}

export interface EventsFrame extends Frame {
  op: 'events';
  project_id: string | null;
  epoch?: string;
  events: TreeEvent[];
}

export interface ProjectsFrame extends Frame {
  op: 'projects';
  ref?: number;
  full: boolean;
  projects: ProjectInfo[];
  removed?: string[];
}

export interface PublishedFrame extends Frame, Published {
  op: 'published';
  ref: number;
}

export interface ErrorFrame extends Frame {
  op: 'error';
  ref?: number;
  code: string;
  message: string;
  field?: string;
  retry: boolean;
}
