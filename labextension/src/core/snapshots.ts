/** The offsets of a log that somebody named (docs/fold.md, Rules). Python's `core/snapshots.py` is its twin. */
import { fillMap, mergePatch, toObject, withoutNulls, type JsonObject } from './json.js';
import { SNAPSHOT_FIELDS } from './shape.js';
import type { Snapshot, TreeState } from './state.js';

type Kept = Pick<TreeState, 'snapshots' | 'removed_snapshots'>;

export class Snapshots {
  private readonly all = new Map<string, Snapshot>();
  /** Ids stay used. */
  private readonly removed = new Set<string>();

  get byId(): ReadonlyMap<string, Snapshot> {
    return this.all;
  }

  /** As the state of a tree has them. */
  get state(): Kept {
    return { snapshots: toObject(this.all), removed_snapshots: [...this.removed] };
  }

  load({ snapshots, removed_snapshots = [] }: Kept): void {
    fillMap(this.all, snapshots);
    removed_snapshots.forEach(id => this.removed.add(id));
  }

  /** False: there is, or was, one of this id. */
  add(data: JsonObject, named: Pick<Snapshot, 'timestamp' | 'offset' | 'at'>): boolean {
    const id = data.snapshot_id as string;
    if (this.all.has(id) || this.removed.has(id)) {
      return false;
    }
    const { timestamp, offset, at } = named;
    this.all.set(id, { timestamp, ...withoutNulls(data), offset, at } as Snapshot);
    return true;
  }

  /** Null removes it. False: there is none. */
  update(id: string, changes: JsonObject | null): boolean {
    const snapshot = this.all.get(id);
    if (!snapshot) {
      return false;
    }
    if (changes === null) {
      this.all.delete(id);
      this.removed.add(id);
    } else {
      const given = SNAPSHOT_FIELDS.filter(key => Object.hasOwn(changes, key));
      const patch = Object.fromEntries(given.map(key => [key, changes[key]]));
      this.all.set(id, mergePatch(snapshot, patch) as Snapshot);
    }
    return true;
  }
}
