/** The rows of a tree that are open, from top to bottom. Those of long groups aren't made before they are looked at. */
import type { StatusCounts } from '../../core/reader.js';
import type { Alike, Member } from './alike.js';

interface Place {
  /** Unique among the rows, and stays the row's own while the tree changes. */
  key: string;
  level: number;
  /** Place among its siblings, from 1. */
  position: number;
  siblings: number;
  /** Of the row that it hangs below; null at the top. */
  parent: string | null;
}

export interface NodeRow extends Place {
  kind: 'node';
  id: string;
  /** Null where there is nothing to open. */
  open: boolean | null;
}

/** Children that are alike, where others stand beside them. */
export interface GroupRow extends Place {
  kind: 'group';
  open: boolean;
  alike: Alike;
}

/** The children that a long group doesn't show by itself. */
export interface RestRow extends Place {
  kind: 'rest';
  open: boolean;
  alike: Alike;
  /** Those of the group that it does show. */
  shown: readonly Member[];
  count: number;
  counts: StatusCounts;
}

/** Children that aren't in a stored tree. */
export interface OmittedRow extends Place {
  kind: 'omitted';
  count: number;
  counts: StatusCounts;
}

export type Row = NodeRow | GroupRow | RestRow | OmittedRow;

/** Siblings of a long group, by their rank in it. */
export interface Listing {
  readonly length: number;
  at(rank: number): string;
}

/** Rows one below the other that are all closed. */
interface Range {
  listing: Listing;
  from: number;
  to: number;
  level: number;
  parent: string;
  rowOf: (id: string, place: Place) => Row;
  /** -1 for an id that isn't in the listing. */
  rankOf: (id: string) => number;
}

interface Segment {
  start: number;
  rows: Row[] | null;
  range: Range | null;
}

export class Rows {
  private readonly segments: Segment[] = [];
  private readonly places = new Map<string, number>();
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(row: Row): void {
    const last = this.segments[this.segments.length - 1];
    if (last?.rows) {
      last.rows.push(row);
    } else {
      this.segments.push({ start: this.count, rows: [row], range: null });
    }
    this.places.set(row.key, this.count);
    this.count += 1;
  }

  pushRange(range: Range): void {
    if (range.to > range.from) {
      this.segments.push({ start: this.count, rows: null, range });
      this.count += range.to - range.from;
    }
  }

  at(index: number): Row | undefined {
    const segment = index >= 0 && index < this.count ? this.segmentAt(index) : undefined;
    if (!segment?.range) {
      return segment?.rows?.[index - segment.start];
    }
    const { range } = segment;
    const rank = range.from + index - segment.start;
    const id = range.listing.at(rank);
    return range.rowOf(id, {
      key: id,
      level: range.level,
      position: rank + 1,
      siblings: range.listing.length,
      parent: range.parent
    });
  }

  /** -1 for a row that isn't there. */
  indexOf(key: string | null): number {
    if (key === null) {
      return -1;
    }
    const place = this.places.get(key);
    if (place !== undefined) {
      return place;
    }
    for (const { start, range } of this.segments) {
      const rank = range ? range.rankOf(key) : -1;
      if (range && rank >= range.from && rank < range.to) {
        return start + rank - range.from;
      }
    }
    return -1;
  }

  parentIndex(index: number): number {
    return this.indexOf(this.at(index)?.parent ?? null);
  }

  /** The rows that hang below the same one, without those of long groups, which are closed leaves as a rule. */
  *siblings(index: number): Generator<Row> {
    const parent = this.at(index)?.parent ?? null;
    for (const { rows } of this.segments) {
      for (const row of rows ?? []) {
        if (row.parent === parent) {
          yield row;
        }
      }
    }
  }

  /** All but those of long groups, with their places. */
  *explicit(): Generator<[number, Row]> {
    for (const { start, rows } of this.segments) {
      for (const [at, row] of (rows ?? []).entries()) {
        yield [start + at, row];
      }
    }
  }

  private segmentAt(index: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle] as Segment).start <= index) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return this.segments[low];
  }
}

export function canOpen(row: Row): row is NodeRow | GroupRow | RestRow {
  return row.kind === 'rest' || row.kind === 'group' || (row.kind === 'node' && row.open !== null);
}
