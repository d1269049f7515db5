/** What the hub hands out: a followed project, the list of projects, and the state of the connection they share. */
import type { Backfill } from './backfill.js';
import type { Envelope } from './envelope.js';
import type { History } from './history.js';
import type { ProjectInfo, Published, Resolved, StorageNotice } from './info.js';
import type { Listenable } from './listenable.js';
import type { StaleTasks } from './presence.js';
import type { TreeReader } from './reader.js';
import type { EventStream } from './stream.js';

export type { MissionInfo, ProjectInfo, Published, Resolved, StorageNotice } from './info.js';
export type { Listenable } from './listenable.js';

/**
 * `waiting`: for the next attempt to reconnect, which is the `attempt`th without success and begins at `retryAt`, milliseconds since 1970.
 * `stopped`: nothing more is tried by itself; `message` says what to do, `detail` what exactly is the matter.
 */
export type Connection =
  | { kind: 'connecting' }
  | { kind: 'open' }
  | { kind: 'waiting'; attempt: number; retryAt: number }
  | { kind: 'stopped'; reason: StopReason; message: string; detail?: string };

/**
 * `refused`: the server doesn't let us in. `version`: it speaks another protocol. `absent`: there is no TaskTree on this
 * server. `max_attempts`: we gave up. `disconnected`: nobody asked for a connection. `message` says what to do.
 */
export type StopReason = 'max_attempts' | 'refused' | 'version' | 'absent' | 'disconnected';

/**
 * `connecting`: nothing heard yet. `catching-up`: what is shown may be behind. `live`: it is what the server has. `offline`: no
 * connection, what is shown is what was last known. `gone`: the project was deleted. `refused`: `error` says why.
 */
export type FollowStatus = 'connecting' | 'catching-up' | 'live' | 'offline' | 'gone' | 'refused';

export interface Follow extends Listenable {
  readonly projectId: string;
  /** The same object while it grows; another one after a snapshot. Null until the first state came. */
  readonly tree: TreeReader | null;
  readonly status: FollowStatus;
  readonly epoch: string | null;
  readonly info: ProjectInfo | null;
  /** What went wrong and what to do; null while nothing did. */
  readonly error: string | null;
  /** Open tasks of processes that aren't heard, which may be gone. Another map after every change. */
  readonly stale: StaleTasks;
  /** When the server was last heard, milliseconds since 1970. */
  readonly heardAt: number | null;
  /** The events themselves, as they pass; absent where nobody hands them on. */
  readonly stream?: EventStream;
  /** Asks for what tasks measured before; absent where there is no server to ask. */
  readonly backfill?: Backfill;
  /** This holder needs it no more. */
  close(): void;
}

export interface ProjectList extends Listenable {
  /** Newest change first. */
  readonly projects: readonly ProjectInfo[];
  readonly status: FollowStatus;
  readonly error: string | null;
  close(): void;
}

/** The one connection of a browser tab to one server, and all that is read from it. */
export interface Hub extends Listenable {
  readonly url: string;
  readonly connection: Connection;
  /** What the server says of how it keeps data; null or absent where that is as usual. */
  readonly storage?: StorageNotice | null;
  /** What happened before; absent where the log can't be read. */
  readonly history?: History;
  /** How often to try to reconnect without success before stopping until `retryNow`. May be changed at any time. */
  maxAttempts: number;
  /** Each call is one holder, who closes it; the project is left shortly after the last one did. */
  follow(projectId: string): Follow;
  watchProjects(): ProjectList;
  /** Which project belongs to a kernel, or to the path of a script. Rejects with a `HubError`. */
  resolve(which: { kernelId?: string; path?: string; title?: string }): Promise<Resolved>;
  /** Resolves when the event is on disk, rejects with a `HubError` where it was refused or couldn't be sent. */
  publish(event: Envelope): Promise<Published>;
  /** Try to connect at once, also after it stopped. */
  retryNow(): void;
}

export class HubError extends Error {
  override readonly name = 'HubError';
  constructor(
    /** A code of the protocol, or `offline`. */
    readonly code: string,
    message: string,
    /** The same may work later. */
    readonly retry: boolean,
    readonly field?: string
  ) {
    super(message);
  }
}
