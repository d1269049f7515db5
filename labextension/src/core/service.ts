import { environmentWith, type Cancel, type Environment, type Socket } from './environment.js';
import type { Connection, StopReason } from './follow.js';
import { CLOSE_NO_PROTOCOL, mayComeBack } from './protocol.js';
import { translatable } from './translatable.js';

/** What a `WebSocketService` is made with; only `url` is needed. */
export interface ServiceOptions {
  /** `ws:` or `wss:`; `socketUrlOf` makes it of a Jupyter server's address. */
  url: string;
  /** The subprotocol to ask for; without one this is a plain client, and the server isn't known to ping. */
  protocol?: string;
  /** First delay before a reconnect, milliseconds; doubles with each attempt. Default: 1000. */
  reconnectDelay?: number;
  /** No delay is longer, milliseconds. Default: 30 000. */
  maxReconnectDelay?: number;
  /** How often to try without success before giving up. Default: without end. */
  maxAttempts?: number;
  /** Called where a connection is refused, since a browser doesn't say why. Null: it may work later. Must not reject. */
  whyRefused?: () => Promise<StopReason | null>;
  /** What to use instead of the browser's own: where there is no global `WebSocket`, at least `openSocket`. */
  environment?: Partial<Environment>;
}

/** A connection that takes longer to open than this is given up; so is one that leaves a ping unanswered. Milliseconds. */
const OPEN_WITHIN = 15_000;
const ANSWER_WITHIN = 5_000;
/** One that leaves a ping unanswered for this long is no longer believed. Milliseconds. */
const BELIEVED_FOR = 1_000;
/** Up to this part of a delay is taken off by chance, so that not everyone comes back at once. */
const JITTER = 0.5;
/** A connection that lasted this long is a success, and the next delay is the first again. Milliseconds. */
const LASTING = 5_000;
/** How many of the server's ping intervals of silence mean that the connection is dead. */
const SILENT_INTERVALS = 2.5;
/** After so many the server's ping is overdue, and it is asked. */
const OVERDUE_INTERVALS = 1.2;
/** How often it is seen whether the clock has jumped: the machine slept, and nobody may have told the page. Milliseconds. */
const TICK = 5_000;
/** A plain client can't ask whether a connection is alive; after a sleep this long it doesn't believe so. Milliseconds. */
const LONG_SLEEP = 30_000;

const MESSAGES: Record<StopReason, string> = {
  max_attempts: translatable('The server could not be reached. Retry when it runs again.'),
  refused: translatable(
    'The Jupyter server doesn’t let you see its task trees. Log in again and retry; if you are logged in, ask whoever runs it.'
  ),
  version: translatable('The server speaks another version of TaskTree. Reload the page.'),
  absent: translatable(
    'This Jupyter server has no TaskTree. Install tasktree_jupyter where the server runs, and restart it.'
  ),
  disconnected: translatable('Not connected.')
};

const UNREACHABLE = translatable('This address can’t be connected to.');

/**
 * One WebSocket that comes back. It says of itself only what is true: `open` means that the server was heard on this connection
 * and, where it is known to ping, that it hasn't fallen silent. A plain client (no `protocol`) can't tell a quiet server from a dead network
 * before the operating system does.
 *
 * `Incoming` is what the server sends, parsed, and unchecked: `WebSocketMessage` for a plain client, `Frame` with the subprotocol.
 *
 * ```ts
 * const service = new WebSocketService<WebSocketMessage>({ url: socketUrlOf('/') });
 * const unsubscribe = service.subscribe(message => console.log(message.type));
 * service.connect();
 * ```
 */
export class WebSocketService<Incoming = unknown> {
  /** How often to try without success before giving up; `Infinity`: without end. May be changed at any time. */
  maxAttempts: number;
  private readonly environment: Environment;
  private readonly handlers = new Set<(message: Incoming, size: number) => void>();
  private readonly stateListeners = new Set<(state: Connection) => void>();
  private readonly stopWatching: Cancel[] = [];
  private current: Connection = { kind: 'stopped', reason: 'disconnected', message: MESSAGES.disconnected };
  private socket: Socket | null = null;
  private attempts = 0;
  private startedAt = 0;
  private openedAt: number | null = null;
  private heard: number | null = null;
  private silence: number | null = null;
  private cancelTimer: Cancel | null = null;
  private cancelSilence: Cancel | null = null;
  private cancelCheck: Cancel | null = null;
  private cancelBelief: Cancel | null = null;
  private isAsked = false;
  private isLate = false;
  private cancelTick: Cancel | null = null;

  constructor(private readonly options: ServiceOptions) {
    this.maxAttempts = options.maxAttempts ?? Infinity;
    this.environment = environmentWith(options.environment);
  }

  /** As it is now; `onState` tells of changes. */
  get state(): Connection {
    return this.current;
  }

  /** When the server was last heard, milliseconds since 1970. */
  get heardAt(): number | null {
    return this.heard;
  }

  /** After this silence the connection counts as dead, milliseconds; null where the server isn't known to ping. */
  get silenceLimit(): number | null {
    return this.silence;
  }

  /**
   * Whether it isn't known just now if the connection is alive: the server has been asked since the page or the machine came back, the
   * network went, or its ping was overdue; it hasn't answered yet, and takes long to, or was silent for longer than it should be.
   */
  get isDoubtful(): boolean {
    const { silence, heard, isAsked, isLate } = this;
    if (!isAsked || silence === null) {
      return false;
    }
    return isLate || this.environment.now() - (heard ?? 0) > silence / 2;
  }

  /** The server pings this often (seconds; null: not at all): from now on that much silence counts. */
  expectPings(interval: number | null): void {
    this.silence = interval === null ? null : interval * 1000 * SILENT_INTERVALS;
    this.cancelSilence?.();
    this.cancelSilence = null;
    this.watchSilence();
  }

  /** The listener is called with every new state. Returns how to stop. */
  onState(listener: (state: Connection) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  /**
   * The handler gets every message, parsed, and how many bytes it had at most. One that throws is reported on the console and harms nobody
   * else. Returns how to unsubscribe; that doesn't disconnect.
   */
  subscribe(handler: (message: Incoming, size: number) => void): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  /** Connect, and come back whenever the connection is lost, until `disconnect`. Never throws: `state` tells. Connected: nothing happens. */
  connect(): void {
    if (this.socket || this.current.kind === 'connecting') {
      return;
    }
    this.watchPage();
    this.open();
  }

  private open(): void {
    this.cancel();
    this.startedAt = this.environment.now();
    this.setState({ kind: 'connecting' });
    const { url, protocol } = this.options;
    let socket: Socket;
    try {
      socket = this.environment.openSocket(url, protocol ? [protocol] : []);
    } catch (error) {
      this.giveUp('refused', UNREACHABLE, `${url}: ${String(error)}`);
      return;
    }
    this.socket = socket;
    socket.onopen = () => this.opened(socket);
    socket.onmessage = ({ data }: { data: unknown }) => this.received(data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.closed(code, reason);
    // Says nothing that `close`, which follows, doesn't; but some sockets throw where nobody listens.
    socket.onerror = () => undefined;
    this.cancelTimer = this.environment.after(OPEN_WITHIN, () => this.scheduleReconnect());
  }

  /** Close the connection and stay away, until `connect`. Subscribers stay subscribed. */
  disconnect(): void {
    this.stopWatching.splice(0).forEach(stop => stop());
    this.attempts = 0;
    this.giveUp('disconnected');
  }

  /**
   * Sends `message` as JSON. False where that isn't possible: nothing is queued, the caller decides what becomes of it. True says that it was
   * handed to the connection, not that it arrived. Never throws.
   */
  send(message: unknown): boolean {
    if (!this.socket || this.current.kind !== 'open') {
      return false;
    }
    try {
      this.socket.send(JSON.stringify(message));
      return true;
    } catch {
      return false;
    }
  }

  /** Try now, also after giving up. Where a connection is open, see whether it is alive. */
  retryNow(): void {
    if (this.current.kind === 'open') {
      this.check();
    } else if (this.current.kind !== 'connecting') {
      this.attempts = 0;
      this.connect();
    }
  }

  /**
   * Give up the present connection, if there is one, and come back after `reconnectDelay * 2^(attempts - 1)`: at most
   * `maxReconnectDelay`, and less a part by chance. After `maxAttempts` it stops.
   */
  scheduleReconnect(): void {
    this.drop();
    this.attempts++;
    if (this.attempts > this.maxAttempts) {
      this.giveUp('max_attempts');
      return;
    }
    const { reconnectDelay = 1000, maxReconnectDelay = 30_000 } = this.options;
    const longest = Math.min(reconnectDelay * 2 ** (this.attempts - 1), maxReconnectDelay);
    const delay = longest * (1 - JITTER * this.environment.random());
    this.cancelTimer = this.environment.after(delay, () => this.connect());
    this.setState({ kind: 'waiting', attempt: this.attempts, retryAt: this.environment.now() + delay });
  }

  /** Close the connection and don't come back by itself. `detail`: what `message`, a whole sentence, leaves open. */
  giveUp(reason: StopReason, message = MESSAGES[reason], detail?: string): void {
    this.drop();
    this.setState({ kind: 'stopped', reason, message, ...(detail === undefined ? {} : { detail }) });
  }

  private opened(socket: Socket): void {
    const { protocol } = this.options;
    if (protocol && socket.protocol !== protocol) {
      this.giveUp('version');
      return;
    }
    this.cancel();
    this.openedAt = this.environment.now();
    this.heard = this.openedAt;
    // Who speaks a subprotocol says something at once.
    this.silence = protocol ? OPEN_WITHIN : null;
    this.watchSilence();
    this.setState({ kind: 'open' });
  }

  private received(data: unknown): void {
    const wasDoubtful = this.isDoubtful;
    this.heard = this.environment.now();
    this.answered();
    this.watchSilence();
    if (wasDoubtful) {
      this.setState(this.current);
    }
    if (typeof data !== 'string') {
      return;
    }
    let message: Incoming;
    try {
      message = JSON.parse(data) as Incoming;
    } catch (error) {
      console.error('TaskTree: a message from the server is no JSON', error);
      return;
    }
    const size = bytesAtMost(data);
    for (const handler of [...this.handlers]) {
      try {
        handler(message, size);
      } catch (error) {
        console.error('TaskTree: a handler failed', error);
      }
    }
  }

  private closed(code: number, reason: string): void {
    const wasOpen = this.openedAt !== null;
    this.drop();
    if (code === CLOSE_NO_PROTOCOL) {
      this.giveUp('version');
    } else if (!mayComeBack(code)) {
      this.giveUp('refused', reason || MESSAGES.refused);
    } else if (wasOpen || !this.options.whyRefused) {
      this.scheduleReconnect();
    } else {
      this.learnWhy(this.options.whyRefused);
    }
  }

  private learnWhy(whyRefused: () => Promise<StopReason | null>): void {
    let isStale = false;
    this.cancelTimer = () => {
      isStale = true;
    };
    void whyRefused().then(reason => {
      if (isStale) {
        return;
      }
      if (reason === null) {
        this.scheduleReconnect();
      } else {
        this.giveUp(reason);
      }
    });
  }

  /** Forgets the socket: nothing it still says counts. */
  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.silence = null;
    this.cancel();
    this.cancelSilence?.();
    this.cancelSilence = null;
    this.answered();
    if (this.openedAt !== null && this.environment.now() - this.openedAt >= LASTING) {
      this.attempts = 0;
    }
    this.openedAt = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      try {
        socket.close();
      } catch {
        // It was closed already.
      }
    }
  }

  private watchSilence(): void {
    if (this.silence === null || this.heard === null || this.cancelSilence) {
      return;
    }
    const quiet = this.environment.now() - this.heard;
    const overdue = (this.silence * OVERDUE_INTERVALS) / SILENT_INTERVALS;
    const wait = quiet < overdue ? overdue - quiet : this.silence - quiet;
    this.cancelSilence = this.environment.after(Math.max(0, wait), () => {
      this.cancelSilence = null;
      if (this.isSilent()) {
        this.scheduleReconnect();
        return;
      }
      if (this.environment.now() - (this.heard ?? 0) >= overdue) {
        this.ask();
      }
      this.watchSilence();
    });
  }

  private isSilent(): boolean {
    const { silence, heard } = this;
    return silence !== null && heard !== null && this.environment.now() - heard >= silence;
  }

  /** Is the connection that is shown as open alive? Asks, and gives it up where nothing is heard soon. */
  private check(): void {
    if (this.isSilent()) {
      this.connectAnew();
    } else if (this.silence !== null && !this.cancelCheck) {
      this.ask();
      this.cancelCheck = this.environment.after(ANSWER_WITHIN, () => this.connectAnew());
    }
  }

  /** Without an answer the connection is still open, but soon no longer believed. */
  private ask(): void {
    if (this.isAsked || !this.send({ op: 'ping' })) {
      return;
    }
    this.isAsked = true;
    this.cancelBelief = this.environment.after(BELIEVED_FOR, () => {
      this.isLate = true;
      this.setState(this.current);
    });
    if (this.isDoubtful) {
      this.setState(this.current);
    }
  }

  /** The present connection is dead; nobody has refused anything, so there is nothing to wait for. */
  private connectAnew(): void {
    this.drop();
    this.open();
  }

  private watchPage(): void {
    if (this.stopWatching.length > 0) {
      return;
    }
    const wake = () => {
      if (!this.environment.isHidden()) {
        this.wake();
      }
    };
    for (const event of ['online', 'visibilitychange', 'pageshow'] as const) {
      this.stopWatching.push(this.environment.onPage(event, wake));
    }
    // Without a network, a server on this machine can still be reached: ask it.
    this.stopWatching.push(
      this.environment.onPage('offline', () => {
        if (this.current.kind === 'open') {
          this.check();
        }
      })
    );
    this.stopWatching.push(() => this.cancelTick?.());
    this.watchClock();
  }

  private watchClock(): void {
    const due = this.environment.now() + TICK;
    this.cancelTick = this.environment.after(TICK, () => {
      const late = this.environment.now() - due;
      this.watchClock();
      if (late > TICK && !this.environment.isHidden()) {
        this.slept(late);
      }
    });
  }

  /** The machine was asleep: timers stood still, the clock didn't. */
  private slept(milliseconds: number): void {
    if (this.current.kind === 'open' && this.silence === null && milliseconds > LONG_SLEEP) {
      this.connectAnew();
    } else {
      this.wake();
    }
  }

  /** The page is back, or the network. A refused login may have been renewed in another tab meanwhile. */
  private wake(): void {
    const { current } = this;
    if (current.kind === 'open') {
      this.check();
    } else if (current.kind === 'waiting') {
      this.connect();
    } else if (current.kind === 'connecting' && this.environment.now() - this.startedAt >= OPEN_WITHIN) {
      // Begun before a sleep: the other side has long forgotten it.
      this.connectAnew();
    } else if (
      current.kind === 'stopped' &&
      current.reason !== 'version' &&
      current.reason !== 'disconnected'
    ) {
      this.retryNow();
    }
  }

  private answered(): void {
    this.cancelCheck?.();
    this.cancelBelief?.();
    this.cancelCheck = this.cancelBelief = null;
    this.isAsked = this.isLate = false;
  }

  private cancel(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  private setState(state: Connection): void {
    this.current = state;
    for (const listener of [...this.stateListeners]) {
      listener(state);
    }
  }
}

/** Exact for ASCII; else more than it is, since no character of a string takes more than three bytes of UTF-8. */
function bytesAtMost(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : text.length * 3;
}
