/** All of a project but its nodes, as it goes over the wire (docs/fold.md, Wire form of the state). */
import type { JsonObject } from './json.js';

export interface Flagged {
  count: number;
  last: { offset: number; reason: string } | null;
}

export interface SourceAgents {
  active_agents: number;
  agents: Record<string, JsonObject>;
  timestamp: string;
}

export interface SourceOrchestrator {
  status?: 'running' | 'stopped';
  a2amcp_enabled?: boolean;
  /** The last one. */
  error?: string;
  timestamp: string;
}

export interface Snapshot {
  snapshot_id: string;
  name?: string;
  note?: string;
  tags?: string[];
  timestamp: string;
  offset: number;
  at: number;
  [field: string]: unknown;
}

export interface TreeState {
  fold: number;
  offset: number;
  at: number;
  status: string | null;
  roots: readonly string[];
  agents: Record<string, SourceAgents>;
  orchestrators: Record<string, SourceOrchestrator>;
  snapshots: Record<string, Snapshot>;
  /** Ids that stay used. Absent in what an older server sends. */
  removed_snapshots?: readonly string[];
  tombstones: readonly string[];
  dropped: number;
  overflow: number;
  flagged: Flagged;
}
