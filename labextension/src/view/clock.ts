import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;
let now = 0;

function wholeSecond(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === null) {
    now = wholeSecond();
    timer = setInterval(() => {
      now = wholeSecond();
      listeners.forEach(each => each());
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

const noSubscription = () => () => undefined;
const readTicking = () => (timer === null ? wholeSecond() : now);
const readStill = () => Math.floor(Date.now() / 60_000) * 60_000;

/**
 * Milliseconds since 1970: to the second and moving while `ticks`, else to the minute. All views share one timer, and there is
 * none while nothing ticks.
 */
export function useNow(ticks: boolean): number {
  return useSyncExternalStore(ticks ? subscribe : noSubscription, ticks ? readTicking : readStill);
}
