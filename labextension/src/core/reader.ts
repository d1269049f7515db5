/** What a view may ask of a tree, live or stored. */
import type { SourceAgents, SourceOrchestrator } from './state.js';

export type Status =
  'draft' | 'ready' | 'running' | 'review' | 'completed' | 'failed' | 'cancelled' | 'skipped';

/** How many of something there are, by status; statuses that don't occur are absent. */
export type StatusCounts = Partial<Record<Status, number>>;

/** A node with what is below it, over its leaves. All integers. */
export interface Rollup {
  leaves: number;
  /** What progress is measured against: leaves there are, or leaves expected. */
  total: number;
  /** Sum of the leaves' progress, per mille each. */
  done: number;
  /** Per mille. */
  progress: number;
  /** Failures at or below, each counted where it began. */
  failures: number;
  counts: StatusCounts;
}

export interface NodeError {
  type?: string;
  message?: string;
  traceback?: string;
  [field: string]: unknown;
}

export interface NodeLog {
  counts: Record<string, number>;
  last: { level: string; message: string; timestamp: string };
}

/** A node as it goes over the wire: null fields are absent, fields nobody knows are kept. */
export interface TreeNode {
  node_id: string;
  parent_id?: string;
  title?: string;
  kind?: string;
  status: Status;
  /** 0 to 1. */
  progress?: number;
  /** How many leaves are to come. */
  expected?: number;
  message?: string;
  agent?: string;
  attempt?: number;
  dependencies?: string[];
  params?: Record<string, unknown>;
  /** `"NaN"`, `"Infinity"` and `"-Infinity"` stand for what JSON can't say. */
  metrics?: Record<string, number | string>;
  inputs?: unknown;
  outputs?: unknown;
  error?: NodeError;
  /** RFC 3339, as the emitter's clock told it; so are the other times. */
  queued_at?: string;
  created_at?: string;
  started_at?: string;
  ended_at?: string;
  trigger?: string;
  reason?: string;
  source?: Record<string, unknown>;
  tags?: string[];
  links?: unknown;
  unusual?: { from: string; to: string; timestamp: string };
  log?: NodeLog;
  /** Nothing was said about this node itself yet; a child or a log line named it. */
  placeholder?: true;
  [field: string]: unknown;
}

/** First start and last end at or below a node, microseconds since 1970; null where there is none. */
export interface Span {
  startedAt: number | null;
  endedAt: number | null;
}

/** Children that a stored tree left out. */
export interface Omitted {
  count: number;
  counts: StatusCounts;
}

/** What was changed, added or removed in a tree. */
export interface Changes {
  /** To ask again with. */
  mark: number;
  /** Each once; null: it isn't known any more, or never was, and everything may be another. */
  ids: readonly string[] | null;
}

export interface TreeReader {
  /** Position in the log: number of the last event folded. */
  readonly offset: number;
  /** The server's commit time of that event, microseconds since 1970. */
  readonly at: number;
  readonly roots: readonly string[];
  node(id: string): TreeNode | undefined;
  /** In the order in which they were attached; empty for an unknown id. */
  children(id: string): readonly string[];
  /** All zero for an unknown id. */
  rollup(id: string): Rollup;
  span(id: string): Span;
  /** What isn't here: below `parentId`, or among the roots for null. */
  omitted(parentId: string | null): Omitted | null;
  /** Goes up with every change. */
  readonly version: number;
  /**
   * What changed since an earlier answer's `mark`; null for the first one. For those who keep something about every node: they needn't look
   * at all of them again. Absent where nothing ever changes.
   */
  changes?(mark: number | null): Changes;
  /** How many events sources said they dropped, and how many found no place any more; absent where nobody counted. */
  readonly dropped?: number;
  readonly overflow?: number;
  /** Who was reported to be at work, and what reports it, by source; absent where nobody told. */
  readonly agents?: ReadonlyMap<string, SourceAgents>;
  readonly orchestrators?: ReadonlyMap<string, SourceOrchestrator>;
  /**
   * When something was last heard of a task of an agent's, by agent: the server's commit time of the event. Only of what was folded here; absent where
   * no events are.
   */
  readonly pulses?: ReadonlyMap<string, number>;
}
