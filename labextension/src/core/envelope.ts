/** The envelope of an event, and what the `data` of each type holds. docs/fold.md has the rules. */

/** What may be published. */
export interface Envelope {
  type: string;
  project_id?: string | null;
  data: Record<string, unknown>;
  /** RFC 3339; absent: the server's time. */
  timestamp?: string;
}

/** What plain clients get: the envelope, complete. */
export interface WebSocketMessage extends Envelope {
  project_id: string | null;
  timestamp: string;
}

/** An event as the log has it. */
export interface TreeEvent {
  type: string;
  project_id?: string | null;
  data: Record<string, unknown>;
  timestamp: string;
  source?: string | null;
  seq?: number | null;
  offset: number;
  at: number;
}

export interface TaskStatusChanged {
  task_id: string;
  status: string;
}

/** `changes` is a JSON Merge Patch (RFC 7396) on the node; null removes the node with all below it. */
export interface NodeUpdate {
  node_id: string;
  changes: Record<string, unknown> | null;
}

export interface StateTransition {
  from?: string | null;
  to: string;
  /** With `node_id` the transition is that node's, else the project's own. */
  context?: { node_id?: string; trigger?: string; reason?: string; [field: string]: unknown } | null;
}

export interface MissionSnapshot {
  snapshot_id: string;
  timestamp?: string | null;
  name?: string | null;
  note?: string | null;
  tags?: string[] | null;
}

/** `changes` is a JSON Merge Patch on the snapshot's name, note and tags; null removes it, and its id stays used. */
export interface SnapshotUpdate {
  snapshot_id: string;
  changes: { name?: string | null; note?: string | null; tags?: string[] | null } | null;
}

export interface Agent {
  status?: string;
  [field: string]: unknown;
}

export interface CoordinationUpdate {
  active_agents?: number | null;
  agents: Record<string, Agent>;
}

export interface OrchestratorStarted {
  status?: 'running' | null;
  a2amcp_enabled?: boolean | null;
}

export interface OrchestratorStopped {
  status?: 'stopped' | null;
}

export interface OrchestratorError {
  error: string;
}

export interface NodeLogEvent {
  node_id: string;
  level: 'debug' | 'info' | 'warning' | 'error' | 'critical';
  message: string;
}

/** Written by the server where a source says that it dropped events. */
export interface EventsDropped {
  count: number;
}
