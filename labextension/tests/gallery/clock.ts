/** The gallery's time stands still, so that its pictures are the same whenever they are taken. Imported before all else. */
export const NOW = Date.parse('2026-01-31T14:20:00Z');

const RealDate = Date;
let isFixed = true;

class FixedDate extends RealDate {
  constructor(...parts: unknown[]) {
    super(...((isFixed && parts.length === 0 ? [NOW] : parts) as [number]));
  }

  static override now(): number {
    return isFixed ? NOW : RealDate.now();
  }
}

globalThis.Date = FixedDate as DateConstructor;

/** Timers of at most so many milliseconds are work put down for a moment; longer ones wait for time to pass. */
const AT_ONCE = 100;
const setRealTimeout = globalThis.setTimeout.bind(globalThis);
const clearRealTimeout = globalThis.clearTimeout.bind(globalThis);
const putDown = new Set<number>();

globalThis.setTimeout = ((handler: (...parts: unknown[]) => void, delay = 0, ...parts: unknown[]): number => {
  if (delay > AT_ONCE) {
    return setRealTimeout(handler, delay, ...parts) as unknown as number;
  }
  const call = () => {
    // What it goes on with is put down before it counts as done.
    try {
      handler(...parts);
    } finally {
      putDown.delete(timer);
    }
  };
  const timer = setRealTimeout(call, delay) as unknown as number;
  putDown.add(timer);
  return timer;
}) as typeof setTimeout;

globalThis.clearTimeout = ((timer?: number) => {
  putDown.delete(timer as number);
  clearRealTimeout(timer);
}) as typeof clearTimeout;

/** Whether work waits for its next slice. */
export function isWorking(): boolean {
  return putDown.size > 0;
}

/** Where something is measured, and where a server is followed, time goes on. */
export function letTimePass(): void {
  isFixed = false;
}
