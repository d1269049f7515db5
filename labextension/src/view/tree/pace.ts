/** When the last ones of many ended, for the rate at which they do. Times are microseconds since 1970. */
const KEPT = 512;
/** What ended longer ago than this tells nothing of the rate now, if enough ended since. */
const WINDOW = 60_000_000;
/** Fewer tell nothing. */
const FEWEST = 5;

export class Pace {
  /** Ascending. */
  private times: number[] = [];

  add(endedAt: number): void {
    const { times } = this;
    let place = times.length;
    while (place > 0 && (times[place - 1] as number) > endedAt) {
      place -= 1;
    }
    if (place === 0 && times.length >= KEPT) {
      return;
    }
    times.splice(place, 0, endedAt);
    if (times.length > KEPT) {
      times.shift();
    }
  }

  remove(endedAt: number): void {
    const place = this.times.lastIndexOf(endedAt);
    if (place >= 0) {
      this.times.splice(place, 1);
    }
  }

  get last(): number | null {
    return this.times[this.times.length - 1] ?? null;
  }

  /** How many ended per second of late; null where too few did to tell. */
  rate(now: number): number | null {
    const { times } = this;
    const last = times[times.length - 1];
    if (last === undefined || times.length < FEWEST) {
      return null;
    }
    let first = 0;
    while (first < times.length - FEWEST && (times[first] as number) < now - WINDOW) {
      first += 1;
    }
    const span = Math.max(now, last) - (times[first] as number);
    return span > 0 ? ((times.length - 1 - first) * 1_000_000) / span : null;
  }
}
