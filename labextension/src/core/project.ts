/** What is known of one followed project: takes deliveries, and says how far they may be believed. */
import type { FollowStatus } from './follow.js';
import type { ProjectInfo } from './info.js';
import { NOTHING_STALE, type StaleTasks } from './presence.js';
import type { Position } from './protocol.js';
import type { Delivery } from './subscriber.js';
import { EventStream } from './stream.js';
import { translatable } from './translatable.js';
import { FOLD_VERSION, TaskTree } from './tree.js';

/** `asking`: not subscribed, or not answered yet. */
type Phase = 'asking' | 'catching-up' | 'live' | 'gone' | 'refused';

/** What has to be done about a project besides showing it: ask for it again, after a delay in milliseconds. */
export interface AskAgain {
  after: number;
}

/** A project that isn't there (yet), one that the server can't serve now, and a tree that this page is too old to fold. */
const ABSENT_AGAIN = 5_000;
const FAILED_AGAIN = 2_000;
const STALE_AGAIN = 5_000;

const NEWER = translatable(
  'The server is newer than this page, which therefore shows what is new only every few seconds. Reload the page.'
);

export class Project {
  tree: TaskTree | null = null;
  epoch: string | null = null;
  info: ProjectInfo | null = null;
  error: string | null = null;
  stale: StaleTasks = NOTHING_STALE;
  readonly stream = new EventStream();
  private phase: Phase = 'asking';
  /** The server folds by rules that this page doesn't know: what it sends as a state is shown, but not folded on. */
  private isNewerFold = false;
  private isBehind = false;

  constructor(readonly projectId: string) {}

  /** From where to follow it; null: from a snapshot. */
  get since(): Position | null {
    return this.tree && this.epoch !== null && !this.isNewerFold
      ? { epoch: this.epoch, offset: this.tree.offset, at: this.tree.at }
      : null;
  }

  /** Whether events came that this page can't fold: only a new state helps. */
  get isStale(): boolean {
    return this.isBehind;
  }

  get isGone(): boolean {
    return this.phase === 'gone';
  }

  status(isConnected: boolean): FollowStatus {
    const { phase } = this;
    if (phase === 'gone' || phase === 'refused') {
      return phase;
    }
    if (!isConnected) {
      return 'offline';
    }
    if (phase === 'asking') {
      return this.tree ? 'catching-up' : 'connecting';
    }
    return phase;
  }

  /** The connection is gone. What was refused or deleted may be otherwise on the next. */
  disconnected(): void {
    this.phase = 'asking';
  }

  /** It is subscribed to anew; how it stands isn't known until the answer. */
  asked(): void {
    if (this.phase === 'live' || this.phase === 'catching-up') {
      this.phase = 'asking';
    }
  }

  take(delivery: Exclude<Delivery, { kind: 'broadcast' }>): AskAgain | null {
    switch (delivery.kind) {
      case 'subscribed':
        this.phase = 'catching-up';
        this.info = delivery.info ?? this.info;
        this.error = null;
        this.stale = NOTHING_STALE;
        return null;
      case 'presence':
        this.stale = delivery.stale;
        return null;
      case 'events':
        if (this.isNewerFold) {
          this.isBehind = true;
          this.phase = 'catching-up';
          this.error = NEWER;
          this.stream.tell(delivery.events);
          return { after: STALE_AGAIN };
        }
        for (const event of delivery.events) {
          this.tree?.apply(event);
        }
        this.stream.tell(delivery.events);
        return null;
      case 'snapshot':
        this.load(delivery);
        return null;
      case 'live':
        if (this.phase !== 'refused' && !this.isBehind) {
          this.phase = 'live';
        }
        return null;
      case 'resync':
        this.phase = 'catching-up';
        return null;
      case 'gone':
        this.phase = 'gone';
        this.error = translatable(
          'The project was deleted on the Jupyter server. It shows here again when it returns.'
        );
        return { after: ABSENT_AGAIN };
      case 'refused':
        return this.refused(delivery);
    }
  }

  private load({ epoch, state, nodes }: Extract<Delivery, { kind: 'snapshot' }>): void {
    this.isNewerFold = state.fold > FOLD_VERSION;
    this.isBehind = false;
    this.error = null;
    try {
      this.tree = TaskTree.load(state, nodes);
      this.epoch = epoch;
      this.stream.broke();
    } catch (error) {
      console.error('TaskTree: a state from the server makes no sense here', error);
      this.phase = 'refused';
      this.error = translatable('This page doesn’t understand what the server sends. Reload the page.');
    }
  }

  private refused({ code, message, retry }: Extract<Delivery, { kind: 'refused' }>): AskAgain | null {
    this.error = message;
    if (code === 'not_found') {
      this.phase = 'gone';
      this.error = translatable(
        'This Jupyter server has no such project, or not yet. It shows here as soon as it does.'
      );
      return { after: ABSENT_AGAIN };
    }
    this.phase = retry ? 'catching-up' : 'refused';
    return retry ? { after: FAILED_AGAIN } : null;
  }
}
