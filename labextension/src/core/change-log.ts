/** Remembers which nodes changed last, for those who look now and then. */
import type { Changes } from './reader.js';

const KEPT = 65_536;

export class ChangeLog {
  /** Null until somebody asks: most trees are never asked. */
  private ring: string[] | null = null;
  private count = 0;
  private forgotten = 0;

  add(id: string): void {
    if (this.ring) {
      this.ring[this.count % KEPT] = id;
      this.count++;
    }
  }

  /** Too much changed to tell. */
  forget(): void {
    this.count++;
    this.forgotten = this.count;
  }

  since(mark: number | null): Changes {
    const isKnown =
      this.ring !== null && mark !== null && mark >= this.forgotten && this.count - mark <= KEPT;
    this.ring ??= [];
    if (!isKnown) {
      return { mark: this.count, ids: null };
    }
    const ids = new Set<string>();
    for (let index = mark; index < this.count; index++) {
      ids.add(this.ring[index % KEPT] as string);
    }
    return { mark: this.count, ids: [...ids] };
  }
}
