/** The first few of many in some order, kept while they come and go. */

/** So many more than asked for are kept, so that a few can go before all have to be looked at again. */
const RESERVE = 4;

export class Top<T> {
  /** In order; complete for its length, which is at least `wanted` unless there are fewer or it is short. */
  private items: T[] = [];
  private count = 0;

  /** `before`: below zero where the first one comes before the second, and zero only where it makes no difference which. */
  constructor(
    private readonly wanted: number,
    private readonly before: (one: T, other: T) => number
  ) {}

  get size(): number {
    return this.count;
  }

  add(item: T): void {
    const isWhole = this.items.length === this.count;
    this.count += 1;
    if (isWhole || this.before(item, this.items[this.items.length - 1] as T) < 0) {
      this.items.splice(this.placeOf(item), 0, item);
      this.items.length = Math.min(this.items.length, this.wanted * RESERVE);
    }
  }

  /** `item` as it was when it was added: what decides its place may not have changed meanwhile. */
  remove(item: T): void {
    this.count -= 1;
    const place = this.placeOf(item);
    if (this.items[place] === item) {
      this.items.splice(place, 1);
    }
  }

  /** The first `wanted`. `all`: those that were added and not removed, for when too many of the first ones went. */
  first(all: () => Iterable<T>): readonly T[] {
    if (this.items.length < Math.min(this.wanted, this.count)) {
      this.items = [];
      this.count = 0;
      for (const item of all()) {
        this.add(item);
      }
    }
    return this.items.length > this.wanted ? this.items.slice(0, this.wanted) : this.items;
  }

  private placeOf(item: T): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.before(this.items[middle] as T, item) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
