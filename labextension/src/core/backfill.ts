/** Asks the server for what tasks measured before this page looked on: of those in sight, many at once, once each. */
import type { Cancel, Environment } from './environment.js';
import type { History } from './history.js';
import { Notifier } from './notifier.js';
import { KEPT_POINTS, type Point } from './series.js';
import type { EventStream } from './stream.js';

/** Milliseconds: rows that only pass by aren't asked for. */
const SETTLED = 250;
/** After an answer that failed. */
const AGAIN = 10_000;
/** So many tasks, and characters of their ids, go into one question. */
const AT_ONCE = 50;
const LONGEST = 6_000;
const REMEMBERED = 20_000;

export class Backfill {
  readonly notifier: Notifier;
  private readonly wanted = new Map<string, number>();
  private readonly asked = new Set<string>();
  private cancel: Cancel | null = null;
  private isAsking = false;
  private readonly stop: () => void;

  constructor(
    private readonly environment: Pick<Environment, 'after' | 'beforePaint'>,
    private readonly projectId: string,
    private readonly stream: EventStream,
    private readonly history: History
  ) {
    this.notifier = new Notifier(environment);
    this.stop = stream.subscribe(events => {
      if (events === null) {
        this.asked.clear();
        this.schedule(SETTLED);
      }
    });
  }

  /** Somebody looks at the task; returns how to look away. */
  want(nodeId: string): () => void {
    this.wanted.set(nodeId, (this.wanted.get(nodeId) ?? 0) + 1);
    this.schedule(SETTLED);
    return () => {
      const holders = (this.wanted.get(nodeId) ?? 1) - 1;
      if (holders > 0) {
        this.wanted.set(nodeId, holders);
      } else {
        this.wanted.delete(nodeId);
      }
    };
  }

  dispose(): void {
    this.stop();
    this.cancel?.();
    this.cancel = null;
    this.wanted.clear();
    this.notifier.dispose();
  }

  private schedule(wait: number): void {
    if (!this.isAsking) {
      this.cancel ??= this.environment.after(wait, () => {
        this.cancel = null;
        void this.ask();
      });
    }
  }

  private next(): string[] {
    const ids: string[] = [];
    let length = 0;
    for (const id of this.wanted.keys()) {
      length += id.length;
      if (ids.length >= AT_ONCE || (ids.length > 0 && length > LONGEST)) {
        break;
      }
      if (!this.asked.has(id)) {
        ids.push(id);
      }
    }
    return ids;
  }

  private async ask(): Promise<void> {
    const ids = this.next();
    if (ids.length === 0) {
      return;
    }
    this.isAsking = true;
    let wait = SETTLED;
    try {
      const { series } = await this.history.seriesOf(this.projectId, ids, { points: KEPT_POINTS });
      const found = new Map<string, Map<string, readonly Point[]>>(ids.map(id => [id, new Map()]));
      for (const { nodeId, metric, points } of series) {
        found.get(nodeId)?.set(metric, points);
      }
      for (const [id, metrics] of found) {
        this.remember(id);
        this.stream.series.fill(id, metrics);
      }
      this.notifier.changed();
    } catch {
      // Nobody asked for it by hand: what passes by is shown all the same.
      wait = AGAIN;
    }
    this.isAsking = false;
    if (this.wanted.size > 0) {
      this.schedule(wait);
    }
  }

  private remember(id: string): void {
    if (this.asked.size >= REMEMBERED) {
      this.asked.clear();
    }
    this.asked.add(id);
  }
}
