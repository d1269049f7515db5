/** A project that a kernel feeds to a widget over its comm, with the same frames and the same care as one from the server. */
import { browser, type Environment } from './environment.js';
import type { Follow, FollowStatus } from './follow.js';
import type { ProjectInfo } from './info.js';
import { Notifier } from './notifier.js';
import type { StaleTasks } from './presence.js';
import { Project } from './project.js';
import { asFrame, PROTOCOL_VERSION, type ClientFrame } from './protocol.js';
import type { EventStream } from './stream.js';
import { Subscriber } from './subscriber.js';
import type { TaskTree } from './tree.js';

/**
 * A kernel that runs a cell hears nothing, but can send: so what it sends unasked counts too. Where something is missing it is
 * asked, and a whole state, asked for or not, sets it right.
 */
export class LocalFollow implements Follow {
  readonly subscribe: Follow['subscribe'];
  readonly getVersion: Follow['getVersion'];
  private readonly project: Project;
  private readonly subscriber = new Subscriber();
  private readonly notifier: Notifier;
  private isOpen = true;
  private heard: number | null = null;
  private ending: string | null = null;

  /** `send` hands a frame to the kernel. */
  constructor(
    readonly projectId: string,
    private readonly send: (frame: ClientFrame) => void,
    private readonly environment: Environment = browser
  ) {
    this.project = new Project(projectId);
    this.notifier = new Notifier(environment);
    this.subscribe = this.notifier.subscribe;
    this.getVersion = this.notifier.getVersion;
    // A comm has no handshake: there is nobody else at its other end.
    this.subscriber.receive({ op: 'welcome', protocol: PROTOCOL_VERSION }, 0);
    this.ask();
  }

  get tree(): TaskTree | null {
    return this.project.tree;
  }

  get status(): FollowStatus {
    return this.project.status(this.isOpen);
  }

  get epoch(): string | null {
    return this.project.epoch;
  }

  get info(): ProjectInfo | null {
    return this.project.info;
  }

  get error(): string | null {
    return this.project.error ?? this.ending;
  }

  get stale(): StaleTasks {
    return this.project.stale;
  }

  get stream(): EventStream {
    return this.project.stream;
  }

  get heardAt(): number | null {
    return this.heard;
  }

  /** A frame from the kernel. */
  receive(message: unknown): void {
    const frame = asFrame(message);
    if (!frame || !this.isOpen) {
      return;
    }
    this.heard = this.environment.now();
    const position = this.subscriber.position(this.projectId);
    if (frame.op === 'snapshot' && frame.part === 0) {
      this.subscriber.adopt(this.projectId, position);
    } else if (frame.op === 'events' && !position) {
      return;
    }
    const { deliver, send } = this.subscriber.receive(frame, 0);
    for (const delivery of deliver) {
      if (delivery.kind !== 'broadcast') {
        const again = this.project.take(delivery);
        if (again) {
          this.environment.after(again.after, () => this.ask());
        }
      }
    }
    send.filter(({ op }) => op === 'subscribe').forEach(this.send);
    this.notifier.changed();
  }

  /** The comm is closed: nothing more will come. `why` says what to do. */
  ended(why: string): void {
    this.isOpen = false;
    this.ending = why;
    this.notifier.changed();
  }

  close(): void {
    this.isOpen = false;
    this.notifier.dispose();
  }

  private ask(): void {
    if (this.isOpen) {
      this.subscriber.adopt(this.projectId, this.project.since);
      const ref = this.subscriber.nextRef();
      this.send({ op: 'subscribe', ref, project_id: this.projectId, since: this.project.since });
    }
  }
}
