/** A followed project's events as they pass, for those who want more of them than the tree that they fold to. */
import { isWhole, type TreeEvent } from './envelope.js';
import { SeriesStore } from './series.js';

/** Null: between what came before and what comes next something may be missing. */
export type StreamListener = (events: readonly TreeEvent[] | null) => void;

export class EventStream {
  /** What tasks measured lately. */
  readonly series = new SeriesStore();
  private readonly listeners = new Set<StreamListener>();

  readonly subscribe = (listener: StreamListener): (() => void) => {
    const entry: StreamListener = events => listener(events);
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  };

  /** New events, in the order of the log. */
  tell(events: readonly TreeEvent[]): void {
    const whole = events.filter(isWhole);
    for (const event of whole) {
      this.series.take(event);
    }
    this.call(whole);
  }

  /** A whole state came in place of the events before it. */
  broke(): void {
    this.series.forget();
    this.call(null);
  }

  private call(events: readonly TreeEvent[] | null): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(events);
      } catch (error) {
        console.error('TaskTree: a listener failed', error);
      }
    }
  }
}
