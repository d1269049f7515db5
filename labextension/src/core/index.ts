/** `tasktree-jupyter/core`: connections, frames and trees. Needs no React, no JupyterLab and no page. */
export { BUNDLE_MIME_TYPE, parseBundle, type Bundle } from './bundle.js';
export { socketUrlOf } from './endpoint.js';
export {
  isError,
  isEvent,
  type Agent,
  type CoordinationUpdate,
  type Envelope,
  type ErrorMessage,
  type EventMap,
  type EventOf,
  type EventsDropped,
  type EventType,
  type MissionSnapshot,
  type NodeLogEvent,
  type NodeUpdate,
  type OrchestratorError,
  type OrchestratorStarted,
  type OrchestratorStopped,
  type SnapshotUpdate,
  type StateTransition,
  type TaskStatusChanged,
  type TreeEvent,
  type WebSocketMessage
} from './envelope.js';
export {
  browser,
  type Answer,
  type Cancel,
  type Environment,
  type PageEvent,
  type Socket
} from './environment.js';
export {
  HubError,
  type Connection,
  type Follow,
  type FollowStatus,
  type Hub,
  type Listenable,
  type MissionInfo,
  type ProjectInfo,
  type ProjectList,
  type Published,
  type Resolved,
  type StopReason
} from './follow.js';
export { hubAt, type HubOptions } from './hub.js';
export { whyRefused } from './probe.js';
export {
  asFrame,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
  type ClientFrame,
  type Frame,
  type Position
} from './protocol.js';
export type {
  NodeError,
  NodeLog,
  Omitted,
  Rollup,
  Span,
  Status,
  StatusCounts,
  TreeNode,
  TreeReader
} from './reader.js';
export { NOTHING_STALE, type StaleTasks } from './presence.js';
export { WebSocketService, type ServiceOptions } from './service.js';
export { StaticTree } from './static-tree.js';
export type { TreeState } from './state.js';
export { isEnded } from './status.js';
export { FOLD_VERSION, MAX_NODES, TaskTree } from './tree.js';
