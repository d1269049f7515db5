/** A tree that a kernel feeds over its comm. */
import { parseBundle, type Bundle } from '../core/bundle.js';
import type { Follow, FollowStatus, ProjectInfo } from '../core/follow.js';
import { LocalFollow } from '../core/local.js';
import type { StaleTasks } from '../core/presence.js';
import { StaticTree } from '../core/static-tree.js';
import type { TreeReader } from '../core/reader.js';
import type { EventStream } from '../core/stream.js';
import { translatable } from '../core/translatable.js';

/** What the kernel calls the project: its tree has no other name outside its process. */
const PROJECT = 'local';
const ENDED = translatable('The kernel that fed this view has ended or was restarted. Run the cell again.');

/** As much of an anywidget model as is used here. */
export interface KernelModel {
  get(key: 'bundle'): unknown;
  on(event: string, callback: (...args: unknown[]) => void): void;
  off(event: string, callback: (...args: unknown[]) => void): void;
  send(content: unknown): void;
}

/**
 * The kernel keeps `bundle` up to date until it hears that somebody wants all of it, which is only once its cell is done; from then
 * on its frames are what counts. A bundle that came while this looked on is the kernel's word, one that was there before may be as old
 * as the notebook's file.
 */
export class KernelFeed implements Follow {
  readonly projectId = PROJECT;
  readonly info: ProjectInfo | null = null;
  private local!: LocalFollow;
  private stopLocal: (() => void) | null = null;
  private current: { bundle: Bundle | null; tree: StaticTree | null } = { bundle: null, tree: null };
  private isFed = false;
  private hasEnded = false;
  private version = 0;
  private readonly listeners = new Set<() => void>();
  private readonly stops: (() => void)[] = [];

  constructor(private readonly model: KernelModel) {
    this.read();
    this.begin();
    this.listen('msg:custom', (message: unknown) => {
      if (this.hasEnded) {
        this.begin();
      }
      this.local.receive(message);
    });
    this.listen('change:bundle', () => {
      this.isFed = true;
      this.read();
      this.changed();
    });
    const ended = () => {
      this.hasEnded = true;
      this.local.ended(ENDED);
    };
    // What the widget managers tell of a kernel that ended or was restarted. Should it speak all the same, it is heard.
    ['comm:close', 'comm_live_update', 'destroy'].forEach(event => this.listen(event, ended));
  }

  /** The bundle as it is now: what was shown before the kernel was heard. */
  get bundle(): Bundle | null {
    return this.current.bundle;
  }

  get storedTree(): StaticTree | null {
    return this.current.tree;
  }

  get tree(): TreeReader | null {
    return this.local.tree ?? (this.isFed ? this.current.tree : null);
  }

  get status(): FollowStatus {
    const { status } = this.local;
    const isFeeding = this.isFed && this.local.tree === null && status !== 'offline';
    return isFeeding ? 'live' : status;
  }

  get epoch(): string | null {
    return this.local.epoch;
  }

  get error(): string | null {
    return this.local.error;
  }

  get stale(): StaleTasks {
    return this.local.stale;
  }

  get stream(): EventStream {
    return this.local.stream;
  }

  get heardAt(): number | null {
    return this.local.heardAt ?? (this.isFed && this.current.tree ? this.current.tree.at / 1000 : null);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getVersion = (): number => this.version;

  close(): void {
    this.stops.forEach(stop => stop());
    this.listeners.clear();
    this.stopLocal?.();
    this.local.close();
  }

  private begin(): void {
    this.stopLocal?.();
    this.hasEnded = false;
    // Whatever it is asked for, the kernel knows one answer: all of it, and then what happens.
    this.local = new LocalFollow(PROJECT, () => this.model.send({ op: 'ready' }));
    this.stopLocal = this.local.subscribe(() => this.changed());
  }

  private listen(event: string, callback: (...args: unknown[]) => void): void {
    this.model.on(event, callback);
    this.stops.push(() => this.model.off(event, callback));
  }

  private read(): void {
    const bundle = parseBundle(this.model.get('bundle'));
    this.current = { bundle, tree: bundle && new StaticTree(bundle) };
  }

  private changed(): void {
    this.version += 1;
    [...this.listeners].forEach(listener => listener());
  }
}
