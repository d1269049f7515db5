/** The best value of each metric among tasks that come and go. */
import { betterOf } from '../better.js';
import { Top } from './top.js';

/** More metrics than this are for a table. */
const FOLLOWED = 8;
/** So many of the best values are known: a few of them may go. */
const KNOWN = 16;

export interface Best {
  name: string;
  value: number;
}

type Metrics = Readonly<Record<string, unknown>> | undefined;

export class BestMetrics {
  private readonly values = new Map<string, Top<number>>();

  add(metrics: Metrics): void {
    for (const name in metrics) {
      const value = told(metrics, name);
      if (value !== null) {
        const top = this.values.get(name) ?? topOf(name);
        if (this.values.size < FOLLOWED || this.values.has(name)) {
          this.values.set(name, top);
        }
        top.add(value);
      }
    }
  }

  remove(metrics: Metrics): void {
    for (const name in metrics) {
      const value = told(metrics, name);
      if (value !== null) {
        this.values.get(name)?.remove(value);
      }
    }
  }

  /** Of the first metric of which it is known which values are better; null where there are fewer than two. `all`: what was added. */
  best(all: () => Iterable<Metrics>): Best | null {
    for (const [name, top] of this.values) {
      if (top.size >= 2) {
        const [value] = top.first(() => valuesOf(name, all()));
        return value === undefined ? null : { name, value };
      }
    }
    return null;
  }
}

function topOf(name: string): Top<number> {
  const isLower = betterOf(name) === 'lower';
  return new Top<number>(KNOWN, (one, other) => (isLower ? one - other : other - one));
}

function* valuesOf(name: string, all: Iterable<Metrics>): Generator<number> {
  for (const metrics of all) {
    const value = metrics ? told(metrics, name) : null;
    if (value !== null) {
      yield value;
    }
  }
}

/** Null where it is no number, or nobody knows which are better. */
function told(metrics: NonNullable<Metrics>, name: string): number | null {
  const value = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
  return typeof value === 'number' && Number.isFinite(value) && betterOf(name) !== null ? value : null;
}
