export { AttentionSection } from './attention/attention.js';
export { failureText, timesText } from './failures/words.js';
export { stalenessOf } from './staleness.js';
export { useNow } from './clock.js';
export { ConnectionBadge } from './connection-badge.js';
export { stateOf, viewState, wording, type ViewState } from './connection.js';
export { Empty } from './empty.js';
export { ErrorBoundary } from './error-boundary.js';
export { onViewKey } from './view-keys.js';
export * from './format.js';
export { throttled, useAtOnce, useFollow, useListenable } from './hooks.js';
export { elapsed } from './elapsed.js';
export { missionsOf } from './missions.js';
export { statusName } from './status.js';
export { StaleIcon, StatusIcon } from './status-icon.js';
export { StorageNotices } from './storage-notice.js';
export { Badge, StaleBadge } from './badge.js';
export { useWebSocket, type UseWebSocket } from './use-web-socket.js';
export { type NodeAction, type NodeActions } from './details/details.js';
export {
  english,
  listed,
  told,
  useWords,
  wordsOf,
  WordsContext,
  type Catalogue,
  type Words
} from './words.js';
export { type Reveal } from './part.js';
export { TreeView, pictureOf, type Stored, type TreeViewProps } from './tree-view.js';
