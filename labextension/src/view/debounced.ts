import { useEffect, useState } from 'react';

/** Milliseconds. */
const PAUSE = 250;

/** `value` once it has stayed the same for a moment: nobody is asked at every keystroke. */
export function useDebounced<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
