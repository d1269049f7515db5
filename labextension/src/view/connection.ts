/** How much of what is shown may be believed, in words. */
import type { Connection, Follow, FollowStatus } from '../core/follow.js';
import { translatable } from '../core/translatable.js';
import { formatClock } from './format.js';
import { told, type Words } from './words.js';

/**
 * The messages are English, from whoever knew what the matter is: `told` translates them where they are shown.
 *
 * `live` is the only kind that says "this is how it is". `stored`: from the notebook's file. `kernel`: the kernel feeds this view itself; its
 * silence may mean that it is busy, or that it is gone.
 */
export type ViewState =
  | { kind: 'live' }
  | { kind: 'connecting' }
  | { kind: 'catching-up'; message?: string | null }
  | { kind: 'offline'; retryAt: number | null }
  | { kind: 'stopped'; message: string }
  | { kind: 'refused'; message: string; detail?: string }
  | { kind: 'absent'; message: string }
  | { kind: 'version'; message: string }
  | { kind: 'gone'; message: string }
  | { kind: 'stored' }
  | { kind: 'kernel' };

const REFUSED = translatable(
  'The server doesn’t let this page read the project. Log in again, then reload the page.'
);
const ABSENT = translatable(
  'TaskTree’s server half isn’t running on this Jupyter server. Run “jupyter server extension enable tasktree_jupyter” and start it again.'
);
const GONE = translatable(
  'It was deleted, or nothing was ever told of it. Run its cells again to start a new one.'
);
const VERSION = translatable(
  'The server’s half of TaskTree is of another version than this page’s. Reload the page; if that doesn’t help, install the same version of tasktree_jupyter where the server and where JupyterLab run.'
);
const STOPPED = translatable('The connection to the Jupyter server is gone.');

/** Of a follow and the connection under it. Where they disagree, the worse one counts. */
export function viewState(
  follow: Pick<Follow, 'status' | 'error'> | null,
  connection: Connection | null
): ViewState {
  if (!follow) {
    return { kind: 'stored' };
  }
  return stateOf(follow.status, follow.error, connection);
}

/** Of a view that a kernel feeds. */
export function kernelState(follow: Pick<Follow, 'status' | 'error'>): ViewState {
  const { status, error } = follow;
  if (status === 'live' || status === 'catching-up') {
    return { kind: 'kernel' };
  }
  return status === 'connecting' ? { kind: 'connecting' } : { kind: 'stopped', message: error ?? STOPPED };
}

export function stateOf(
  status: FollowStatus,
  error: string | null,
  connection: Connection | null
): ViewState {
  if (status === 'gone') {
    return { kind: 'gone', message: error ?? GONE };
  }
  if (status === 'refused') {
    return { kind: 'refused', message: error ?? REFUSED };
  }
  if (connection?.kind === 'stopped') {
    const message = connection.message || error;
    if (connection.reason === 'absent') {
      return { kind: 'absent', message: message ?? ABSENT };
    }
    if (connection.reason === 'version') {
      return { kind: 'version', message: VERSION };
    }
    if (connection.reason === 'refused') {
      return { kind: 'refused', message: message ?? REFUSED, detail: connection.detail };
    }
    return { kind: 'stopped', message: message ?? STOPPED };
  }
  if (connection?.kind === 'waiting') {
    return { kind: 'offline', retryAt: connection.retryAt };
  }
  if (status === 'offline') {
    return { kind: 'offline', retryAt: null };
  }
  if (connection?.kind === 'connecting') {
    return { kind: 'connecting' };
  }
  return status === 'catching-up' ? { kind: status, message: error } : { kind: status };
}

/** Whether a second try by hand makes sense. */
export function canRetry(state: ViewState): boolean {
  return (
    state.kind === 'offline' ||
    state.kind === 'stopped' ||
    state.kind === 'absent' ||
    state.kind === 'version' ||
    state.kind === 'refused'
  );
}

/** What to do about it, and what exactly is the matter. */
export function advice(words: Words, { message, detail }: { message: string; detail?: string }): string {
  return detail ? `${told(words, message)} (${detail})` : told(words, message);
}

export interface Wording {
  /** Picks shape and colour. */
  tone: 'live' | 'busy' | 'off' | 'still';
  text: string;
  /** The rest of the story, for a tooltip. */
  detail: string | null;
}

/**
 * `now`: milliseconds since 1970, whole seconds. `storedAt`: when what is shown was true, microseconds since 1970, where it comes
 * from the notebook's file and not from the server.
 */
export function wording(words: Words, state: ViewState, storedAt: number | null, now: number): Wording {
  const stored =
    storedAt === null ? null : words.__('stored at %1 (not live)', formatClock(storedAt, now * 1000));
  const also = (text: string) => (stored === null ? text : `${stored} · ${text}`);
  const detail = (message: string | null | undefined) => (message ? told(words, message) : null);
  switch (state.kind) {
    case 'live':
      return stored === null
        ? { tone: 'live', text: words.__('live'), detail: null }
        : { tone: 'still', text: stored, detail: words.__('This run is no longer on the server.') };
    case 'connecting':
      return { tone: 'busy', text: also(words.__('connecting')), detail: null };
    case 'catching-up':
      return { tone: 'busy', text: also(words.__('catching up')), detail: detail(state.message) };
    case 'offline': {
      const seconds = state.retryAt === null ? 0 : Math.floor((state.retryAt - now) / 1000);
      const text = seconds > 0 ? words.__('offline, retry in %1 s', seconds) : words.__('offline, retrying');
      return { tone: 'off', text: also(text), detail: null };
    }
    case 'stopped':
      return { tone: 'off', text: also(words.__('offline')), detail: detail(state.message) };
    case 'refused':
      return { tone: 'off', text: also(words.__('no access')), detail: advice(words, state) };
    case 'absent':
      return { tone: 'off', text: also(words.__('no TaskTree server')), detail: detail(state.message) };
    case 'version':
      return { tone: 'off', text: also(words.__('another version')), detail: detail(state.message) };
    case 'gone':
      return { tone: 'still', text: also(words.__('not on the server')), detail: detail(state.message) };
    case 'kernel':
      return { tone: 'still', text: stored ?? words.__('from the kernel'), detail: null };
    case 'stored':
      return { tone: 'still', text: stored ?? words.__('not live'), detail: null };
  }
}
