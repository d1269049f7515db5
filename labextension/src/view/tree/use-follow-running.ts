/** Keeps what runs in sight, until somebody goes elsewhere. */
import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from 'react';
import type { TreeReader } from '../../core/reader.js';
import { useRemembered } from '../memory.js';
import type { Rows } from './rows.js';
import { runningRow } from './running.js';
import type { Window } from './use-window.js';

export interface FollowingRunning {
  isOn: boolean;
  /** It is on, but somebody went elsewhere. */
  isPaused: boolean;
  set: (on: boolean) => void;
  resume: () => void;
  /** Somebody went to a row. */
  leave: () => void;
  /** The tree was scrolled, by whomever. */
  scrolled: () => void;
}

export function useFollowRunning(
  tree: TreeReader,
  rows: Rows,
  scroller: RefObject<HTMLElement | null>,
  { bringIntoSight }: Window
): FollowingRunning {
  const [isOn, remember] = useRemembered('follow-running', kept => kept === true);
  const [isPaused, setPaused] = useState(false);
  /** Where the tree stands when nobody scrolls: what differs from it was somebody. */
  const standsAt = useRef(0);
  const isFollowing = isOn && !isPaused;

  useLayoutEffect(() => {
    if (isFollowing) {
      const index = runningRow(tree, rows);
      if (index >= 0) {
        bringIntoSight(index, 'center');
      }
    }
    // Rows that come and go move it too; the anchor has done so by now.
    standsAt.current = scroller.current?.scrollTop ?? 0;
  }, [isFollowing, tree, rows, scroller, bringIntoSight]);

  const leave = useCallback(() => setPaused(true), []);
  const scrolled = useCallback(() => {
    const top = scroller.current?.scrollTop ?? 0;
    // A browser rounds, and scrolls by itself where rows went.
    if (Math.abs(top - standsAt.current) > 2) {
      standsAt.current = top;
      setPaused(true);
    }
  }, [scroller]);
  const resume = useCallback(() => setPaused(false), []);
  const set = useCallback(
    (on: boolean) => {
      remember(on);
      setPaused(false);
    },
    [remember]
  );
  return { isOn, isPaused: isOn && isPaused, set, resume, leave, scrolled };
}
