/** A world for tests: its clock only moves when told, its sockets do what the test says. */
import type { Answer, Environment, PageEvent, Socket } from '../../src/core/environment.js';

export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  protocol = '';
  isClosed = false;
  readonly sent: Record<string, unknown>[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[]
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  /** The frames sent since the last call, of one kind. */
  take(op?: string): Record<string, unknown>[] {
    const all = this.sent.splice(0);
    return op === undefined ? all : all.filter(frame => frame.op === op);
  }

  open(protocol = this.protocols[0] ?? ''): void {
    this.protocol = protocol;
    this.onopen?.();
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  end(code = 1006, reason = ''): void {
    this.onclose?.({ code, reason });
  }
}

interface Timer {
  at: number;
  call: () => void;
}

export class World implements Environment {
  readonly sockets: FakeSocket[] = [];
  chance = 0;
  isAway = false;
  /** What a GET answers; null: nothing. */
  answer: Answer | null = null;
  private time = 1_700_000_000_000;
  private readonly timers = new Set<Timer>();
  private readonly listeners = new Map<PageEvent, Set<() => void>>();

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** How many are waiting: none should be left behind. */
  get pending(): number {
    return this.timers.size;
  }

  get listening(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  openSocket = (url: string, protocols: string[]): Socket => {
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };

  get = (): Promise<Answer | null> => Promise.resolve(this.answer);
  now = (): number => this.time;
  random = (): number => this.chance;
  isHidden = (): boolean => this.isAway;

  after = (milliseconds: number, call: () => void) => {
    const timer = { at: this.time + milliseconds, call };
    this.timers.add(timer);
    return () => {
      this.timers.delete(timer);
    };
  };

  beforePaint = (call: () => void) => this.after(16, call);

  onPage = (event: PageEvent, call: () => void) => {
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set.add(call));
    return () => {
      set.delete(call);
    };
  };

  tell(event: PageEvent): void {
    [...(this.listeners.get(event) ?? [])].forEach(call => call());
  }

  /** Lets time pass, and every timer in it go off in order. */
  pass(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const next = [...this.timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) {
        break;
      }
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.call();
    }
    this.time = end;
  }

  /** The machine sleeps: time passes, timers don't. */
  sleep(milliseconds: number): void {
    this.time += milliseconds;
  }

  /** The same, and what timers still had to wait they have to wait after it: they count on a clock that stood still too. */
  suspend(milliseconds: number): void {
    this.time += milliseconds;
    this.timers.forEach(timer => {
      timer.at += milliseconds;
    });
  }
}

/** Lets promises that have settled be noticed. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await Promise.resolve();
  }
}
