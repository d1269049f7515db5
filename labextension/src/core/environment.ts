/** What the core needs of the world around it. Tests bring their own. */

/** As much of a WebSocket as is used here: the browser's, Node's own, and that of the package `ws` fit. */
export interface Socket {
  readonly protocol: string;
  // What they are called with is that WebSocket's own; a listener set here takes what it needs of it.
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** To a GET. */
export interface Answer {
  status: number;
  /** Undefined where it is no JSON. */
  body: unknown;
}

export type PageEvent = 'online' | 'offline' | 'visibilitychange' | 'pageshow';

/** A socket's, a clock's and a page's share in the work. */
export interface Environment {
  /** Throws where the address can't be connected to at all. */
  openSocket(url: string, protocols: string[]): Socket;
  /** A GET with the page's cookies; null where there was no answer. */
  get(url: string, headers?: Record<string, string>): Promise<Answer | null>;
  /** Milliseconds since 1970; a machine's sleep counts. */
  now(): number;
  /** At least 0 and below 1. */
  random(): number;
  after(milliseconds: number, call: () => void): Cancel;
  /** When the next frame is painted, or soon where nothing is painted. */
  beforePaint(call: () => void): Cancel;
  isHidden(): boolean;
  onPage(event: PageEvent, call: () => void): Cancel;
}

export type Cancel = () => void;

/** Milliseconds. */
const ANSWER_WITHIN = 10_000;

/** Listeners that wait for a paint get one at least this often. */
const PAINT_BY = 250;

/** The page's own. Also works where there is no page. */
export const browser: Environment = {
  openSocket: (url, protocols) => new WebSocket(url, protocols),
  get: async (url, headers = {}) => {
    try {
      const response = await fetch(url, {
        headers,
        credentials: 'same-origin',
        cache: 'no-store',
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_WITHIN)
      });
      const text = await response.text();
      return { status: response.status, body: jsonOf(text) };
    } catch {
      return null;
    }
  },
  now: () => Date.now(),
  random: () => Math.random(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
  beforePaint: call => {
    // A page that is hidden or covered paints nothing: then the timer is first.
    const timer = setTimeout(once, PAINT_BY);
    const frame = typeof requestAnimationFrame === 'function' ? requestAnimationFrame(once) : null;
    function stop(): void {
      clearTimeout(timer);
      if (frame !== null) {
        cancelAnimationFrame(frame);
      }
    }
    function once(): void {
      stop();
      call();
    }
    return stop;
  },
  isHidden: () => typeof document !== 'undefined' && document.visibilityState === 'hidden',
  onPage: (event, call) => {
    if (typeof document === 'undefined' || typeof window === 'undefined') {
      return () => undefined;
    }
    const target = event === 'visibilitychange' ? document : window;
    target.addEventListener(event, call);
    return () => target.removeEventListener(event, call);
  }
};

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The page's own, but for what is given. */
export function environmentWith(own: Partial<Environment> = {}): Environment {
  const environment: Record<string, unknown> = { ...browser };
  for (const name of Object.keys(browser) as (keyof Environment)[]) {
    // One by one, since what is given may be an object with methods.
    const given: unknown = own[name]?.bind(own);
    if (given !== undefined) {
      environment[name] = given;
    }
  }
  return environment as unknown as Environment;
}
