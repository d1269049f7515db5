/** The families of a tree that somebody looks at, kept up with it at the cost of what changed. */
import type { TreeReader } from '../../core/reader.js';
import { Gradual } from '../attended.js';
import { Family } from './family.js';

/** What nobody asked for during so many changes is let go. */
const FORGOTTEN_AFTER = 50;
/** Timed in one slice: some milliseconds. */
const SLICE = 4000;

interface Kept {
  family: Family;
  usedAt: number;
}

export class Families {
  private readonly kept = new Map<string, Kept>();
  private mark: number | null = null;
  private version = -1;
  private turn = 0;
  private readonly timing = new Gradual(() => this.nextSlice());

  constructor(private readonly tree: TreeReader) {}

  readonly subscribe = this.timing.subscribe;

  readonly getVersion = this.timing.getVersion;

  /** Of a parent, or of the roots for null. */
  of(parent: string | null): Family {
    this.keepUp();
    const key = parent ?? '\u0000';
    const known = this.kept.get(key);
    const list = parent === null ? this.tree.roots : this.tree.children(parent);
    if (known) {
      known.usedAt = this.turn;
      known.family.become(list);
      return known.family;
    }
    const family = new Family(this.tree, list);
    this.kept.set(key, { family, usedAt: this.turn });
    this.timing.work();
    return family;
  }

  private keepUp(): void {
    if (this.version === this.tree.version) {
      return;
    }
    this.version = this.tree.version;
    this.turn += 1;
    const changes = this.tree.changes?.(this.mark) ?? { mark: 0, ids: null };
    this.mark = changes.mark;
    if (changes.ids === null) {
      this.kept.clear();
      return;
    }
    const told = new Set<string>();
    for (const id of changes.ids) {
      // Whoever is above has other sums now.
      for (let up: string | undefined = id; up !== undefined && !told.has(up);) {
        told.add(up);
        const parent: string | undefined = this.tree.node(up)?.parent_id;
        const key = parent ?? '\u0000';
        if (this.kept.get(key)?.family.refresh(up) === false) {
          this.kept.delete(key);
        }
        up = parent;
      }
    }
    if (this.turn % FORGOTTEN_AFTER === 0) {
      for (const [key, { usedAt }] of this.kept) {
        if (usedAt < this.turn - FORGOTTEN_AFTER) {
          this.kept.delete(key);
        }
      }
    }
  }

  /** Those that aren't timed yet are, a slice after the other. */
  private nextSlice(): (() => boolean) | null {
    const waiting = [...this.kept.values()].find(({ family }) => !family.isTimed)?.family;
    return waiting
      ? () => {
          waiting.time(SLICE);
          return waiting.isTimed;
        }
      : null;
  }
}

const families = new WeakMap<TreeReader, Families>();

/** One for all views of a tree. */
export function familiesOf(tree: TreeReader): Families {
  const known = families.get(tree) ?? new Families(tree);
  families.set(tree, known);
  return known;
}
