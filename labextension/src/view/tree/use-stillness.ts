/** While somebody is about to point, click or go on by keyboard, rows keep their places. */
import { useCallback, useEffect, useRef, useState } from 'react';

/** Milliseconds after the last movement. */
const STILL_FOR = 1000;

/** Whether somebody is at it, and what is to be called whenever they do something. */
export function useStillness(): [boolean, () => void] {
  const [isStill, setStill] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const until = useRef(0);
  const touch = useCallback(() => {
    until.current = Date.now() + STILL_FOR;
    if (timer.current === null) {
      setStill(true);
      const wait = () => {
        const left = until.current - Date.now();
        timer.current = left > 0 ? setTimeout(wait, left) : null;
        if (left <= 0) {
          setStill(false);
        }
      };
      timer.current = setTimeout(wait, STILL_FOR);
    }
  }, []);
  useEffect(
    () => () => {
      if (timer.current !== null) {
        clearTimeout(timer.current);
        timer.current = null;
      }
    },
    []
  );
  return [isStill, touch];
}
