/** All that one task measured: what passes by, and what the server has of before. */
import { browser, type Environment } from './environment.js';
import type { Listenable } from './listenable.js';
import { HistoryError, type History } from './history.js';
import { Notifier } from './notifier.js';
import { reportedBy, thinned, type Point } from './series.js';
import type { EventStream } from './stream.js';

/** `whole`: from the first value on. `cut`: there may be more further back. `recent`: only what passed by this page. */
export type Extent = 'loading' | 'whole' | 'cut' | 'recent' | 'failed';

const POINTS = 240;
/** So many pages of the log are looked through, each some 10 000 events. */
const TURNS = 20;
const KEPT_METRICS = 200;

export class Measuring implements Listenable {
  readonly subscribe: Listenable['subscribe'];
  readonly getVersion: Listenable['getVersion'];
  private readonly notifier: Notifier;
  private series = new Map<string, readonly Point[]>();
  private known: Extent = 'recent';
  private why: string | null = null;
  private life = 0;

  constructor(
    private readonly projectId: string,
    private readonly nodeId: string,
    private readonly history: History | null,
    private readonly stream: EventStream | null,
    environment: Pick<Environment, 'beforePaint'> = browser
  ) {
    this.notifier = new Notifier(environment);
    this.subscribe = this.notifier.subscribe;
    this.getVersion = this.notifier.getVersion;
    this.series = new Map(stream?.series.of(nodeId)?.metrics);
  }

  /** Begins, or begins again; returns how to end it. */
  open(): () => void {
    const stop = this.stream?.subscribe(events => {
      if (events === null) {
        this.series = new Map();
        void this.load();
        return;
      }
      for (const event of events) {
        const reported = reportedBy(event);
        if (reported?.nodeId === this.nodeId) {
          this.take(reported.values);
        }
      }
    });
    this.series = new Map(this.stream?.series.of(this.nodeId)?.metrics);
    void this.load();
    return () => {
      this.life++;
      stop?.();
    };
  }

  /** By metric, oldest first. */
  get metrics(): ReadonlyMap<string, readonly Point[]> {
    return this.series;
  }

  get extent(): Extent {
    return this.known;
  }

  /** English. */
  get error(): string | null {
    return this.why;
  }

  readonly load = async (): Promise<void> => {
    const { history } = this;
    if (!history) {
      return;
    }
    const life = ++this.life;
    this.known = 'loading';
    this.why = null;
    this.notifier.changed();
    let before: number | null = null;
    try {
      for (let turn = 0; turn < TURNS; turn++) {
        const page = await history.seriesOf(this.projectId, [this.nodeId], { before, points: POINTS });
        if (life !== this.life) {
          return;
        }
        for (const { metric, points } of page.series) {
          this.put(metric, points);
        }
        before = page.next;
        this.known = before === null ? 'whole' : 'loading';
        this.notifier.changed();
        if (before === null) {
          return;
        }
      }
      this.known = 'cut';
    } catch (error) {
      if (life !== this.life) {
        return;
      }
      this.known = 'failed';
      this.why = error instanceof HistoryError ? error.message : String(error);
    }
    this.notifier.changed();
  };

  /** What comes from the server lies before all that is here, or is here already. */
  private put(metric: string, points: readonly Point[]): void {
    const later = this.series.get(metric) ?? [];
    const from = later[0]?.time ?? Infinity;
    if (this.series.has(metric) || this.series.size < KEPT_METRICS) {
      this.series.set(metric, thinned([...points.filter(({ time }) => time < from), ...later], POINTS * 2));
    }
  }

  private take(values: ReadonlyMap<string, Point>): void {
    for (const [metric, point] of values) {
      if (this.series.has(metric) || this.series.size < KEPT_METRICS) {
        const points = [...(this.series.get(metric) ?? []), point];
        // Rarely: thinning what was thinned again and again would lose more each time.
        this.series.set(metric, points.length > POINTS * 4 ? thinned(points, POINTS * 2) : points);
      }
    }
    this.notifier.changed();
  }
}
