export type {
  Connection,
  Follow,
  FollowStatus,
  Hub,
  Listenable,
  MissionInfo,
  ProjectInfo,
  ProjectList,
  Published,
  Resolved,
  StopReason
} from './follow.js';
export { HubError } from './follow.js';
