/** Which of many rows of one height are in sight. Only those are in the page. */
import { useCallback, useLayoutEffect, useState, type RefObject } from 'react';

export const ROW_HEIGHT = 26;

interface InSight {
  first: number;
  /** Behind the last one. */
  end: number;
}

export interface Window {
  /** Places of the rows to draw, ascending. */
  indexes: readonly number[];
  /** To be called when it was scrolled, or scrolled itself. */
  look: () => void;
  /** Scrolls no further than needed. */
  bringIntoSight: (index: number, where: 'nearest' | 'center') => void;
}

/** `overscan`: rows drawn above and below. `always`: a row that stays in the page wherever it is. */
export function useWindow(
  scroller: RefObject<HTMLElement | null>,
  count: number,
  atFirst: number,
  overscan: number,
  always: number
): Window {
  const [inSight, setInSight] = useState<InSight>({ first: 0, end: atFirst });

  const look = useCallback(() => {
    const element = scroller.current;
    if (element) {
      const first = Math.floor(element.scrollTop / ROW_HEIGHT);
      const end = Math.ceil((element.scrollTop + element.clientHeight) / ROW_HEIGHT);
      setInSight(before => (before.first === first && before.end === end ? before : { first, end }));
    }
  }, [scroller]);

  useLayoutEffect(() => {
    const element = scroller.current;
    look();
    if (element && typeof ResizeObserver !== 'undefined') {
      const observer = new ResizeObserver(look);
      observer.observe(element);
      return () => observer.disconnect();
    }
    return undefined;
  }, [scroller, look]);

  const bringIntoSight = useCallback(
    (index: number, where: 'nearest' | 'center') => {
      const element = scroller.current;
      if (element) {
        const top = index * ROW_HEIGHT;
        const { scrollTop, clientHeight } = element;
        const isInSight = top >= scrollTop && top + ROW_HEIGHT <= scrollTop + clientHeight;
        if (!isInSight) {
          const nearest = top < scrollTop ? top : top + ROW_HEIGHT - clientHeight;
          element.scrollTop = where === 'center' ? top - (clientHeight - ROW_HEIGHT) / 2 : nearest;
          look();
        }
      }
    },
    [scroller, look]
  );

  const indexes: number[] = [];
  const end = Math.min(count, inSight.end + overscan);
  const first = Math.max(0, Math.min(inSight.first - overscan, end - 1));
  if (always >= 0 && always < first) {
    indexes.push(always);
  }
  for (let index = first; index < end; index += 1) {
    indexes.push(index);
  }
  if (always >= end && always < count) {
    indexes.push(always);
  }
  return { indexes, look, bringIntoSight };
}
