/** How much of what is shown may be believed, in words. */
import type { Connection, Follow, FollowStatus } from '../core/follow.js';
import { formatClock } from './format.js';

/**
 * `live` is the only kind that says "this is how it is". `stored`: from the notebook's file. `kernel`: the kernel feeds this view itself; its
 * silence may mean that it is busy, or that it is gone.
 */
export type ViewState =
  | { kind: 'live' }
  | { kind: 'connecting' }
  | { kind: 'catching-up' }
  | { kind: 'offline'; retryAt: number | null }
  | { kind: 'stopped'; message: string }
  | { kind: 'refused'; message: string }
  | { kind: 'absent'; message: string }
  | { kind: 'version'; message: string }
  | { kind: 'gone'; message: string }
  | { kind: 'stored' }
  | { kind: 'kernel' };

const REFUSED = 'The server doesn’t let this page read the project. Log in again, then reload the page.';
const ABSENT =
  'TaskTree’s server half isn’t running on this Jupyter server. Run “jupyter server extension enable tasktree_jupyter” and start it again.';
const GONE = 'It was deleted, or nothing was ever told of it. Run its cells again to start a new one.';
const VERSION =
  'The server’s half of TaskTree is of another version than this page’s. Reload the page; if that doesn’t help, install the same version of tasktree_jupyter where the server and where JupyterLab run.';
const STOPPED = 'The connection to the Jupyter server is gone.';

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
      return { kind: 'refused', message: message ?? REFUSED };
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
  return { kind: status };
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
export function wording(state: ViewState, storedAt: number | null, now: number): Wording {
  const stored = storedAt === null ? null : `stored at ${formatClock(storedAt, now * 1000)} (not live)`;
  const also = (text: string) => (stored === null ? text : `${stored} · ${text}`);
  switch (state.kind) {
    case 'live':
      return stored === null
        ? { tone: 'live', text: 'live', detail: null }
        : { tone: 'still', text: stored, detail: 'This run is no longer on the server.' };
    case 'connecting':
      return { tone: 'busy', text: also('connecting'), detail: null };
    case 'catching-up':
      return { tone: 'busy', text: also('catching up'), detail: null };
    case 'offline': {
      const seconds = state.retryAt === null ? 0 : Math.floor((state.retryAt - now) / 1000);
      const text = seconds > 0 ? `offline, retry in ${seconds} s` : 'offline, retrying';
      return { tone: 'off', text: also(text), detail: null };
    }
    case 'stopped':
      return { tone: 'off', text: also('offline'), detail: state.message };
    case 'refused':
      return { tone: 'off', text: also('no access'), detail: state.message };
    case 'absent':
      return { tone: 'off', text: also('no TaskTree server'), detail: state.message };
    case 'version':
      return { tone: 'off', text: also('another version'), detail: state.message };
    case 'gone':
      return { tone: 'still', text: also('not on the server'), detail: state.message };
    case 'kernel':
      return { tone: 'still', text: stored ?? 'from the kernel', detail: null };
    case 'stored':
      return { tone: 'still', text: stored ?? 'not live', detail: null };
  }
}
