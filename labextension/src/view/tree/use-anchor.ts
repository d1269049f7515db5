/** Rows come and go above the one that somebody looks at: it stays where it is on the screen. */
import { useCallback, useLayoutEffect, useRef, type RefObject } from 'react';
import type { Rows } from './rows.js';
import { ROW_HEIGHT } from './use-window.js';

/** Where a row is gone, one of so many below it stands for it. */
const NEARBY = 16;

interface Pointer {
  key: string;
}

/**
 * `focusKey`: of the row with the keyboard. Answers what is to be called with the row under the pointer, or null where there is none. Room at the end
 * (`spacer`) is made where the rows can't be scrolled as far as that needs, until the pointer leaves.
 */
export function useAnchor(
  scroller: RefObject<HTMLElement | null>,
  spacer: RefObject<HTMLElement | null>,
  rows: Rows,
  focusKey: string | null,
  scrolled: () => void
): (key: string | null) => void {
  const pointer = useRef<Pointer | null>(null);
  const last = useRef<Rows>(rows);

  useLayoutEffect(() => {
    const before = last.current;
    const element = scroller.current;
    last.current = rows;
    if (before === rows || !element) {
      return;
    }
    const { scrollTop, clientHeight } = element;
    const isInSight = (index: number) =>
      index >= 0 && (index + 1) * ROW_HEIGHT > scrollTop && index * ROW_HEIGHT < scrollTop + clientHeight;
    const pointed = before.indexOf(pointer.current?.key ?? null);
    const focused = element.contains(document.activeElement) ? before.indexOf(focusKey) : -1;
    const from = isInSight(pointed)
      ? pointed
      : isInSight(focused)
        ? focused
        : scrollTop > 0
          ? Math.ceil(scrollTop / ROW_HEIGHT)
          : -1;
    const moved = from < 0 ? 0 : movedBy(before, rows, from);
    if (moved === 0) {
      return;
    }
    const wanted = scrollTop + moved * ROW_HEIGHT;
    if (from === pointed && spacer.current) {
      const missing = wanted + clientHeight - rows.length * ROW_HEIGHT;
      spacer.current.style.height = `${Math.max(0, missing)}px`;
    }
    element.scrollTop = wanted;
    scrolled();
  });

  return useCallback(
    (key: string | null) => {
      pointer.current = key === null ? null : { key };
      if (key === null && spacer.current && spacer.current.style.height !== '0px') {
        spacer.current.style.height = '0px';
        scrolled();
      }
    },
    [spacer, scrolled]
  );
}

/** By how many rows the one at `from`, or the next one that is still there, has moved down. */
function movedBy(before: Rows, after: Rows, from: number): number {
  for (let index = from; index < Math.min(before.length, from + NEARBY); index += 1) {
    const now = after.indexOf(before.at(index)?.key ?? null);
    if (now >= 0) {
      return now - index;
    }
  }
  return 0;
}
