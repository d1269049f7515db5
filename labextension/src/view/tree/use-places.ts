/** Where the keyboard is, where somebody is led, and how high it all is. */
import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { Rows } from './rows.js';
import type { Window } from './use-window.js';

/** Answers what moves the keyboard to the row that may be tabbed to, as soon as it is drawn. */
export function useKeptFocus(scroller: RefObject<HTMLElement | null>): () => void {
  const isWanted = useRef(false);
  useLayoutEffect(() => {
    if (isWanted.current) {
      isWanted.current = false;
      const row = scroller.current?.querySelector<HTMLElement>('[role="row"][tabindex="0"]');
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: 'nearest' });
    }
  });
  return useCallback(() => {
    isWanted.current = true;
  }, []);
}

type Reveal = { nodeId: string } | null;

/** Scrolls to a task once for each wish. `open`: it isn't among the rows. */
export function useReveal(reveal: Reveal, rows: Rows, view: Window, open: (id: string) => void): void {
  const scrolledTo = useRef<Reveal>(null);
  useLayoutEffect(() => {
    if (reveal === null || reveal === scrolledTo.current) {
      return;
    }
    const index = rows.indexOf(reveal.nodeId);
    if (index >= 0) {
      scrolledTo.current = reveal;
      view.bringIntoSight(index, 'center');
    } else {
      open(reveal.nodeId);
    }
  });
}

/** Grows as rows come, but shrinks only when somebody closed something: what stands below it in the notebook stays where it is. */
export function useSteadyHeight(wanted: number, choices: string): number {
  const [steady, setSteady] = useState({ rows: wanted, choices });
  if (steady.choices !== choices || wanted > steady.rows) {
    setSteady({ rows: wanted, choices });
    return wanted;
  }
  return steady.rows;
}
