import { useMemo, useSyncExternalStore } from 'react';
import type { Follow, Hub, Listenable } from '../core/follow.js';
import type { TreeReader } from '../core/reader.js';
import { kernelState, viewState, type ViewState } from './connection.js';

/** Ten pictures a second are as good as sixty for reading, and leave the browser to the notebook. */
const INTERVAL = 100;

interface Calm {
  subscribe: (listener: () => void) => () => void;
  getVersion: () => number;
}

/** A listenable that tells of changes at once, then at most every `interval` milliseconds, and always of the last one. */
export function throttled(source: Listenable, interval = INTERVAL): Calm {
  let version = source.getVersion();
  return {
    getVersion: () => version,
    subscribe: listener => {
      let timer: ReturnType<typeof setTimeout> | null = null;
      let told = 0;
      const tell = () => {
        timer = null;
        told = Date.now();
        version = source.getVersion();
        listener();
      };
      const stop = source.subscribe(() => {
        if (timer === null) {
          const wait = told + interval - Date.now();
          if (wait <= 0) {
            tell();
          } else {
            timer = setTimeout(tell, Math.min(wait, interval));
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

/** Renders again when `source` changes; answers its version. */
export function useListenable(source: Listenable | null, interval = INTERVAL): number {
  const calm = useMemo(() => (source ? throttled(source, interval) : NOTHING), [source, interval]);
  return useSyncExternalStore(calm.subscribe, calm.getVersion);
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
  const connected = useListenable(hub);
  return {
    tree: follow?.tree ?? null,
    state: follow && source === 'kernel' ? kernelState(follow) : viewState(follow, hub?.connection ?? null),
    heardAt: follow?.heardAt ?? null,
    version: `${followed}.${connected}`
  };
}
