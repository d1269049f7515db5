/** The envelope of an event, and what the `data` of each type holds. docs/fold.md has the rules. */
import { isObject } from './json.js';
import { isInteger } from './shape.js';

/** What may be published. */
export interface Envelope {
  type: string;
  project_id?: string | null;
  data: Record<string, unknown>;
  /** RFC 3339; absent: the server's time. */
  timestamp?: string;
}

/** What plain clients get: the envelope, complete. `isEvent` tells which type it is. */
export interface WebSocketMessage extends Envelope {
  /** Null: a message to everyone, which no log keeps. */
  project_id: string | null;
  /** RFC 3339, UTC, by the emitter's clock. */
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

/** Whether an event has what every event has: a log may hold anything. */
export function isWhole(value: unknown): value is TreeEvent {
  return (
    isObject(value) &&
    typeof value.type === 'string' &&
    isObject(value.data) &&
    isInteger(value.offset, 0) &&
    isInteger(value.at, 0)
  );
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

/** `changes` is a merge patch on that snapshot's `name`, `tags` and `note`; null removes the snapshot. */
export interface SnapshotUpdate {
  snapshot_id: string;
  changes: { name?: string | null; note?: string | null; tags?: string[] | null } | null;
}

/** The `data` of each type of event. Extra fields are kept, and any other type is delivered as it came. */
export interface EventMap {
  task_status_changed: TaskStatusChanged;
  node_update: NodeUpdate;
  state_transition: StateTransition;
  mission_snapshot: MissionSnapshot;
  coordination_update: CoordinationUpdate;
  orchestrator_started: OrchestratorStarted;
  orchestrator_stopped: OrchestratorStopped;
  orchestrator_error: OrchestratorError;
  node_log: NodeLogEvent;
  events_dropped: EventsDropped;
  snapshot_update: SnapshotUpdate;
}

export type EventType = keyof EventMap;

/** An envelope whose `data` is that of `T`: `EventOf<'node_update'>`. */
export interface EventOf<T extends EventType> extends Omit<WebSocketMessage, 'type' | 'data'> {
  type: T;
  // Field by field: an interface as such is no record, and then this would be no message.
  data: { [Field in keyof EventMap[T]]: EventMap[T][Field] };
}

/** The server's answer to an envelope it refused, to the client that sent it and to nobody else. */
export interface ErrorMessage extends Omit<WebSocketMessage, 'type' | 'data'> {
  type: 'error';
  data: Record<string, unknown> & {
    code: string;
    message: string;
    /** What is wrong, as a dotted path. */
    field?: string;
    /** Why, in one word. */
    reason?: string;
  };
}

/**
 * Whether a message is an event of this type. The server lets no event in whose `data` isn't what its type asks for, so that nothing but the
 * name is looked at here.
 */
export function isEvent<T extends EventType>(message: { type: string }, type: T): message is EventOf<T> {
  return message.type === type;
}

/** Whether the server refused what this client sent. */
export function isError(message: { type: string }): message is ErrorMessage {
  return message.type === 'error';
}
