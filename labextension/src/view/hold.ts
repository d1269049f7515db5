/** What is under somebody's pointer, or has the keyboard, stays where it is: order and height wait until they are gone. */
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from 'react';

/** A pointer that hasn't moved for so long points at nothing. Milliseconds. */
const RESTING = 10_000;

export interface Hold {
  isHeld: boolean;
  /** For the element that holds. */
  handlers: {
    onPointerEnter: () => void;
    onPointerMove: () => void;
    onPointerLeave: () => void;
  };
}

/** Whether somebody's pointer is at work in an element. */
export function usePointerHold(): Hold {
  const [isHeld, setHeld] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const release = useCallback(() => {
    if (timer.current !== null) {
      clearTimeout(timer.current);
      timer.current = null;
    }
    setHeld(false);
  }, []);
  const hold = useCallback(() => {
    if (timer.current !== null) {
      clearTimeout(timer.current);
    }
    timer.current = setTimeout(release, RESTING);
    setHeld(true);
  }, [release]);
  useEffect(
    () => () => {
      if (timer.current !== null) {
        clearTimeout(timer.current);
      }
    },
    []
  );
  const handlers = useMemo(
    () => ({ onPointerEnter: hold, onPointerMove: hold, onPointerLeave: release }),
    [hold, release]
  );
  return { isHeld, handlers };
}

/** The same for the nearest element around `inside` that `selector` names. */
export function usePointerNear(inside: RefObject<Element | null>, selector: string): boolean {
  const { isHeld, handlers } = usePointerHold();
  useEffect(() => {
    const around = inside.current?.closest(selector);
    const { onPointerEnter, onPointerMove, onPointerLeave } = handlers;
    around?.addEventListener('pointerenter', onPointerEnter);
    around?.addEventListener('pointermove', onPointerMove);
    around?.addEventListener('pointerleave', onPointerLeave);
    return () => {
      around?.removeEventListener('pointerenter', onPointerEnter);
      around?.removeEventListener('pointermove', onPointerMove);
      around?.removeEventListener('pointerleave', onPointerLeave);
    };
  }, [inside, selector, handlers]);
  return isHeld;
}

/** While held, `value` stays as it was when that began. */
export function useHeld<T>(value: T, isHeld: boolean): T {
  const [kept, setKept] = useState<{ value: T } | null>(null);
  if (isHeld && !kept) {
    setKept({ value });
  } else if (!isHeld && kept) {
    setKept(null);
  }
  return isHeld && kept ? kept.value : value;
}

/** While held, items stay in the order they had; new ones come last. */
export function useHeldOrder<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  isHeld: boolean
): readonly T[] {
  const order = useHeld(
    useMemo(() => items.map(keyOf), [items, keyOf]),
    isHeld
  );
  return useMemo(() => {
    if (!isHeld) {
      return items;
    }
    const places = new Map(order.map((key, place) => [key, place]));
    const placeOf = (item: T) => places.get(keyOf(item)) ?? places.size;
    return [...items].sort((a, b) => placeOf(a) - placeOf(b));
  }, [items, keyOf, order, isHeld]);
}
