/** How long many things took, for their median: each comes and goes in constant time, and 100 000 of them are a few hundred numbers. */

/** Half a per cent each, and the mean of what is in it: nobody sees the difference in two digits. */
const STEPS_PER_DOUBLING = 128;

export class Durations {
  private readonly buckets = new Map<number, { count: number; sum: number }>();
  private order: number[] | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(microseconds: number): void {
    this.change(microseconds, 1);
  }

  remove(microseconds: number): void {
    this.change(microseconds, -1);
  }

  /** Null where there are none. */
  median(): number | null {
    this.order ??= [...this.buckets.keys()].sort((a, b) => a - b);
    let left = Math.floor((this.count - 1) / 2);
    for (const key of this.order) {
      const bucket = this.buckets.get(key);
      if (bucket && left < bucket.count) {
        return bucket.sum / bucket.count;
      }
      left -= bucket?.count ?? 0;
    }
    return null;
  }

  private change(microseconds: number, sign: 1 | -1): void {
    const key = Math.floor(Math.log2(microseconds + 1) * STEPS_PER_DOUBLING);
    const bucket = this.buckets.get(key);
    this.count += sign;
    if (!bucket) {
      this.buckets.set(key, { count: sign, sum: sign * microseconds });
      this.order = null;
      return;
    }
    bucket.count += sign;
    bucket.sum += sign * microseconds;
    if (bucket.count === 0) {
      this.buckets.delete(key);
      this.order = null;
    }
  }
}
