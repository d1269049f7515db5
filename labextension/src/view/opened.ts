import { useEffect, useMemo, type DependencyList } from 'react';
import type { Listenable } from '../core/follow.js';
import { useListenable } from './hooks.js';

export interface Opened extends Listenable {
  open(): () => void;
}

/** Something that works as long as it is looked at. Another one where `deps` change; renders again when it changes. */
export function useOpened<T extends Opened>(make: () => T, deps: DependencyList): T {
  const thing = useMemo(make, deps);
  useEffect(() => thing.open(), [thing]);
  useListenable(thing);
  return thing;
}
