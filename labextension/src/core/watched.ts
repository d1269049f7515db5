/** The list of projects, as the server tells it. */
import type { Environment } from './environment.js';
import type { FollowStatus, ProjectList } from './follow.js';
import type { ProjectInfo } from './info.js';
import type { ErrorFrame, Frame, ProjectsFrame } from './protocol.js';
import { Shared } from './shared.js';

export class Watched extends Shared {
  /** Of the present connection's `watch`. */
  ref: number | null = null;
  private readonly infos = new Map<string, ProjectInfo>();
  private sorted: readonly ProjectInfo[] = [];
  private isComplete = false;
  private error: string | null = null;

  constructor(
    environment: Environment,
    private readonly isConnected: () => boolean,
    leave: () => void
  ) {
    super(environment, leave);
  }

  disconnected(): void {
    this.ref = null;
  }

  take(frame: ProjectsFrame): void {
    if (frame.full) {
      this.infos.clear();
      this.isComplete = true;
      this.error = null;
    }
    for (const info of frame.projects) {
      this.infos.set(info.project_id, info);
    }
    for (const gone of frame.removed ?? []) {
      this.infos.delete(gone);
    }
    this.sorted = [...this.infos.values()].sort((a, b) => b.at - a.at);
    this.notifier.changed();
  }

  /** Takes an error frame if it is about this. */
  refused(frame: Frame): void {
    if (frame.op === 'error' && this.ref !== null && frame.ref === this.ref) {
      this.error = (frame as ErrorFrame).message;
      this.notifier.changed();
    }
  }

  list(): ProjectList {
    return new List(this, this.hold());
  }

  get projects(): readonly ProjectInfo[] {
    return this.sorted;
  }

  get failure(): string | null {
    return this.error;
  }

  get status(): FollowStatus {
    if (this.error !== null) {
      return 'refused';
    }
    if (!this.isConnected()) {
      return this.isComplete ? 'offline' : 'connecting';
    }
    return this.isComplete ? 'live' : 'catching-up';
  }
}

class List implements ProjectList {
  readonly subscribe: ProjectList['subscribe'];
  readonly getVersion: ProjectList['getVersion'];

  constructor(
    private readonly watched: Watched,
    private readonly release: () => void
  ) {
    this.subscribe = watched.notifier.subscribe;
    this.getVersion = watched.notifier.getVersion;
  }

  get projects() {
    return this.watched.projects;
  }

  get status() {
    return this.watched.status;
  }

  get error() {
    return this.watched.failure;
  }

  close(): void {
    this.release();
  }
}
