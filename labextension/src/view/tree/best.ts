/** The best value of each metric among tasks that come and go. */
import { betterOf } from './better.js';

/** More metrics than this are for a table. */
const FOLLOWED = 8;

interface Values {
  count: number;
  best: number;
  /** The best one went: all have to be looked at again. */
  isLost: boolean;
}

export interface Best {
  name: string;
  value: number;
}

type Metrics = Readonly<Record<string, unknown>> | undefined;

export class BestMetrics {
  private readonly values = new Map<string, Values>();

  add(metrics: Metrics): void {
    for (const [name, value] of told(metrics)) {
      const known = this.values.get(name);
      if (known) {
        known.count += 1;
        known.best = known.count === 1 || isBetter(name, value, known.best) ? value : known.best;
      } else if (this.values.size < FOLLOWED) {
        this.values.set(name, { count: 1, best: value, isLost: false });
      }
    }
  }

  remove(metrics: Metrics): void {
    for (const [name, value] of told(metrics)) {
      const known = this.values.get(name);
      if (known) {
        known.count -= 1;
        known.isLost ||= value === known.best;
      }
    }
  }

  /** Of the first metric of which it is known which values are better; null where there are fewer than two. `all`: what was added. */
  best(all: () => Iterable<Metrics>): Best | null {
    for (const [name, known] of this.values) {
      if (known.count >= 2) {
        if (known.isLost) {
          this.values.clear();
          for (const metrics of all()) {
            this.add(metrics);
          }
          return this.best(all);
        }
        return { name, value: known.best };
      }
    }
    return null;
  }
}

function* told(metrics: Metrics): Generator<[string, number]> {
  for (const name in metrics) {
    const value = metrics[name];
    if (typeof value === 'number' && Number.isFinite(value) && betterOf(name) !== null) {
      yield [name, value];
    }
  }
}

function isBetter(name: string, value: number, than: number): boolean {
  return betterOf(name) === 'lower' ? value < than : value > than;
}
