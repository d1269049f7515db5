/** Where the keyboard goes when the row it is at is removed: to the nearest one that is still there. */
import { useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { Rows } from './rows.js';

/** Rows of a group that went as a whole are passed; beyond so many, the place counts. */
const NEARBY = 500;

/** The place of the row with the keyboard, as long as it was there. */
class FocusPlace {
  private rows: Rows | null = null;
  private index = 0;

  note(rows: Rows, index: number): void {
    this.rows = rows;
    this.index = index;
  }

  /** Of those that stood around it: the next one, else the one before. */
  nearestIn(after: Rows): number {
    const before = this.rows;
    if (before) {
      for (const step of [1, -1]) {
        for (let by = 1; by <= NEARBY; by += 1) {
          const row = before.at(this.index + step * by);
          const found = row ? after.indexOf(row.key) : -1;
          if (found >= 0) {
            return found;
          }
          if (!row) {
            break;
          }
        }
      }
    }
    return Math.max(0, Math.min(this.index, after.length - 1));
  }
}

/** The place of the row that may be tabbed to, whether or not `focusKey` is still among the rows. */
export function useFocusIndex(rows: Rows, focusKey: string | null): number {
  const [place] = useState(() => new FocusPlace());
  const found = rows.indexOf(focusKey);
  useLayoutEffect(() => {
    if (found >= 0) {
      place.note(rows, found);
    }
  }, [place, rows, found]);
  return found >= 0 || focusKey === null ? Math.max(0, found) : place.nearestIn(rows);
}

/** A browser gives the keyboard to nobody when the element that has it is removed: then the row that may be tabbed to gets it. */
export function useRescuedFocus(scroller: RefObject<HTMLElement | null>): {
  onFocus: (target: Element) => void;
  onBlur: (target: Element) => void;
} {
  const focused = useRef<Element | null>(null);
  useLayoutEffect(() => {
    if (focused.current && !focused.current.isConnected) {
      focused.current = null;
      const { activeElement, body } = document;
      if (activeElement === null || activeElement === body) {
        scroller.current
          ?.querySelector<HTMLElement>('[role="row"][tabindex="0"]')
          ?.focus({ preventScroll: true });
      }
    }
  });
  return {
    onFocus: target => {
      focused.current = target;
    },
    // Also told, by some browsers, of what is being removed: that isn't somebody who went elsewhere.
    onBlur: target => {
      if (target.isConnected) {
        focused.current = null;
      }
    }
  };
}
