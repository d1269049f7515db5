/**
 * Some of a project's events, to be read: live at one end, paged back from the server at the other. Bounded; and it can be held, so
 * that nothing moves while somebody reads.
 */
import { browser, type Environment } from './environment.js';
import type { TreeEvent } from './envelope.js';
import type { Listenable } from './listenable.js';
import type { EventSearch } from './event-search.js';
import { HistoryError, type EventQuery, type History } from './history.js';
import { Notifier } from './notifier.js';
import type { EventStream } from './stream.js';

/** `idle`: there may be more. `end`: there is nothing more; where `history` is null, nothing that can be had. */
export type Older = 'idle' | 'loading' | 'failed' | 'end';

export interface FeedSource {
  projectId: string;
  history: History | null;
  stream: EventStream | null;
  query: EventQuery;
  /** Whether an event that passes by is what `query` asks for. */
  matches: (event: TreeEvent) => boolean;
  /** What is looked for within that. The server can be asked for a part of it only, so what it answers is looked through here. */
  search?: EventSearch | null;
}

const KEPT = 5_000;
const PAGE = 200;
/** Of those that are looked through here. */
const LARGE_PAGE = 1_000;
/** Pages without a match that are read one after the other before somebody has to ask again. */
const TURNS = 10;

export class EventFeed implements Listenable {
  readonly subscribe: Listenable['subscribe'];
  readonly getVersion: Listenable['getVersion'];
  private readonly notifier: Notifier;
  private shown: TreeEvent[] = [];
  private held: TreeEvent[] = [];
  private heldCount = 0;
  private isHeld = false;
  /** Something may be missing; read again as soon as nobody is held up by it. */
  private isBroken = false;
  private state: Older = 'idle';
  private why: string | null = null;
  /** The offset before which to go on; null: at the newest event. */
  private before: number | null = null;
  private lookedAt: number | null = null;
  private firstLive = Infinity;
  private trimmedTo = 0;
  private isOpen = false;
  /** Goes up when what was asked for is of no use any more. */
  private life = 0;

  constructor(
    private readonly source: FeedSource,
    environment: Pick<Environment, 'beforePaint'> = browser
  ) {
    this.notifier = new Notifier(environment);
    this.subscribe = this.notifier.subscribe;
    this.getVersion = this.notifier.getVersion;
  }

  /** Begins, or begins again; returns how to end it. */
  open(): () => void {
    const stop = this.source.stream?.subscribe(events => this.passed(events));
    this.isOpen = true;
    this.restart();
    return () => {
      this.isOpen = false;
      this.life++;
      stop?.();
    };
  }

  /** In the order of the log. Another array after every change. */
  get events(): readonly TreeEvent[] {
    return this.shown;
  }

  /** How many came since it is held. */
  get waiting(): number {
    return this.heldCount;
  }

  get older(): Older {
    return this.state;
  }

  /** Why what is older couldn't be had; English. */
  get error(): string | null {
    return this.why;
  }

  /** The offset down to which the log was looked through. */
  get reach(): number | null {
    return this.lookedAt;
  }

  /** Events up to here were let go by the server. */
  get trimmed(): number {
    return this.trimmedTo;
  }

  /** Leave what is shown as it is. */
  hold(): void {
    this.isHeld = true;
  }

  /** Show what came meanwhile, and go on. */
  release(): void {
    if (!this.isHeld) {
      return;
    }
    this.isHeld = false;
    const { held } = this;
    this.held = [];
    this.heldCount = 0;
    if (this.isBroken) {
      this.restart();
    } else {
      this.append(held);
    }
    this.notifier.changed();
  }

  loadOlder(): void {
    if (this.state !== 'loading' && this.state !== 'end') {
      void this.load(this.life);
    }
  }

  private async load(life: number): Promise<void> {
    const { history, projectId, query, search } = this.source;
    const asked = search ? search.narrow(query) : query;
    if (!history || !asked) {
      this.state = 'end';
      return;
    }
    this.state = 'loading';
    this.why = null;
    this.notifier.changed();
    try {
      for (let turn = 0; turn < TURNS; turn++) {
        const page = await history.eventsBefore(projectId, this.before, asked, search ? LARGE_PAGE : PAGE);
        if (life !== this.life) {
          return;
        }
        const found = page.events
          .filter(event => event.offset < this.firstLive && (!search || search.matches(event)))
          .reverse();
        this.shown = [...found, ...this.shown];
        this.before = page.next;
        this.lookedAt = page.next ?? page.trimmed;
        this.trimmedTo = page.trimmed;
        this.state = page.next === null ? 'end' : 'idle';
        if (found.length > 0 || this.state === 'end') {
          break;
        }
        this.state = 'loading';
        this.notifier.changed();
      }
      this.state = this.before === null ? 'end' : 'idle';
    } catch (error) {
      if (life !== this.life) {
        return;
      }
      this.state = 'failed';
      this.why = error instanceof HistoryError ? error.message : String(error);
    }
    this.notifier.changed();
  }

  private passed(events: readonly TreeEvent[] | null): void {
    if (events === null) {
      this.isBroken = true;
      if (!this.isHeld) {
        this.restart();
      }
      this.notifier.changed();
      return;
    }
    this.firstLive = Math.min(this.firstLive, events[0]?.offset ?? Infinity);
    const { matches, search } = this.source;
    const wanted = events.filter(event => matches(event) && (!search || search.matches(event)));
    if (wanted.length === 0) {
      return;
    }
    if (this.isHeld) {
      this.heldCount += wanted.length;
      if (this.held.length + wanted.length > KEPT) {
        this.held = [];
        this.isBroken = true;
      } else if (!this.isBroken) {
        this.held.push(...wanted);
      }
    } else {
      this.append(wanted);
    }
    this.notifier.changed();
  }

  private append(events: readonly TreeEvent[]): void {
    const all = [...this.shown, ...events];
    this.shown = all.slice(-KEPT);
    const oldest = this.shown[0];
    // What was let go can be had again, where there is a server.
    if (this.shown.length < all.length && oldest && this.source.history) {
      this.life += this.state === 'loading' ? 1 : 0;
      this.before = oldest.offset;
      this.firstLive = Infinity;
      this.state = 'idle';
    }
  }

  private restart(): void {
    if (!this.isOpen) {
      return;
    }
    this.life++;
    this.isBroken = false;
    this.shown = [];
    this.before = null;
    this.lookedAt = null;
    this.firstLive = Infinity;
    this.state = 'idle';
    this.loadOlder();
  }
}
