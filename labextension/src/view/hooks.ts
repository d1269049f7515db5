import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { Follow, Hub, Listenable } from '../core/follow.js';
import type { TreeReader } from '../core/reader.js';
import { kernelState, viewState, type ViewState } from './connection.js';

/** Ten pictures a second are as good as sixty for reading, and leave the browser to the notebook. */
const INTERVAL = 100;

interface Calm {
  subscribe: (listener: () => void) => () => void;
  getVersion: () => number;
}

/** A picture may take one part in so many of the page's time: the slower it is, the rarer. */
const SHARE = 4;
const RAREST = 2000;

/**
 * A listenable that tells of changes at once, then at most every `interval` milliseconds, and always of the last one. Where drawing takes
 * long (100 000 tasks in one open group), it tells less often.
 */
export function throttled(source: Listenable, interval = INTERVAL): Calm {
  let version = source.getVersion();
  return {
    getVersion: () => version,
    subscribe: listener => {
      let timer: ReturnType<typeof setTimeout> | null = null;
      let next = 0;
      const tell = () => {
        timer = null;
        const began = Date.now();
        next = began + interval;
        version = source.getVersion();
        listener();
        // React draws before the page gets to timers.
        setTimeout(() => {
          next = Math.max(next, began + Math.min((Date.now() - began) * SHARE, RAREST));
        });
      };
      const stop = source.subscribe(() => {
        if (timer === null) {
          const wait = next - Date.now();
          if (wait <= 0) {
            tell();
          } else {
            timer = setTimeout(tell, Math.min(wait, RAREST));
          }
        }
      });
      // What happened between the first rendering and now.
      version = source.getVersion();
      return () => {
        stop();
        if (timer !== null) {
          clearTimeout(timer);
        }
      };
    }
  };
}

const NOTHING: Calm = { subscribe: () => () => undefined, getVersion: () => 0 };

/** Renders again when `source` changes, in time for the eye; answers its version. */
export function useListenable(source: Listenable | null): number {
  const calm = useMemo(() => (source ? throttled(source) : NOTHING), [source]);
  return useSyncExternalStore(calm.subscribe, calm.getVersion);
}

/** Renders again at once when what `read` answers of `source` changes. */
export function useAtOnce<S extends Listenable, T>(source: S | null, read: (source: S) => T): T | null {
  const subscribe = useCallback(
    (listener: () => void) => source?.subscribe(listener) ?? (() => undefined),
    [source]
  );
  return useSyncExternalStore(subscribe, () => (source ? read(source) : null));
}

export interface Following {
  tree: TreeReader | null;
  state: ViewState;
  /** When the server was last heard, milliseconds since 1970. */
  heardAt: number | null;
  /** Goes up with every change of the tree or of the state. */
  version: string;
}

/** A followed project and how far it may be believed. */
export function useFollow(
  follow: Follow | null,
  hub: Hub | null,
  source: 'server' | 'kernel' = 'server'
): Following {
  const followed = useListenable(follow);
  // Whether it is live can't wait until a large tree is drawn.
  const status = useAtOnce(follow, ({ status }) => status);
  const connected = useAtOnce(hub, each => each.getVersion());
  return {
    tree: follow?.tree ?? null,
    state: follow && source === 'kernel' ? kernelState(follow) : viewState(follow, hub?.connection ?? null),
    heardAt: follow?.heardAt ?? null,
    version: `${followed}.${status}.${connected}`
  };
}
