/** The list of projects, as the server tells it. */
import type { Cancel, Environment } from './environment.js';
import type { FollowStatus, ProjectList } from './follow.js';
import type { ProjectInfo } from './info.js';
import type { ErrorFrame, Frame, ProjectsFrame } from './protocol.js';
import { Shared } from './shared.js';

/** When to ask again where the server can't tell it now, in milliseconds. */
const FAILED_AGAIN = 2_000;

export class Watched extends Shared {
  /** Of the present connection's last `watch`. */
  ref: number | null = null;
  private cancelAsking: Cancel | null = null;
  private readonly infos = new Map<string, ProjectInfo>();
  private sorted: readonly ProjectInfo[] = [];
  /** Whether what is shown was ever told, and whether it was on the present connection. */
  private isKnown = false;
  private isComplete = false;
  private error: string | null = null;

  constructor(
    environment: Environment,
    private readonly isConnected: () => boolean,
    private readonly ask: () => void,
    leave: () => void
  ) {
    super(environment, leave);
  }

  /** It is asked for by a frame with this `ref`. */
  asked(ref: number): void {
    this.cancelAsking?.();
    this.cancelAsking = null;
    this.ref = ref;
  }

  /** The connection is gone. What it told stays in sight, what it refused may be otherwise on the next. */
  disconnected(): void {
    this.cancelAsking?.();
    this.cancelAsking = null;
    this.ref = null;
    this.isComplete = false;
    this.error = null;
  }

  /** Asks again at once, where that may help. */
  retry(): void {
    if (this.error !== null) {
      this.ask();
    }
  }

  take(frame: ProjectsFrame): void {
    if (frame.full) {
      this.infos.clear();
      this.isKnown = this.isComplete = true;
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
      const { message, retry } = frame as ErrorFrame;
      this.error = message;
      if (retry) {
        this.cancelAsking ??= this.environment.after(FAILED_AGAIN, this.ask);
      }
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
      return this.isKnown ? 'offline' : 'connecting';
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
