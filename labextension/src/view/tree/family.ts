/** The children of one parent, sorted into those that are alike. */
import { kindOfNode, type Kind } from '../../core/kind.js';
import type { TreeReader } from '../../core/reader.js';
import { Alike, timesOf, type Member } from './alike.js';

/** Fewer than this aren't many. */
const MANY = 5;
/** More kinds than this are no help; the others stay as they are. */
const MOST_KINDS = 32;
/** So many are timed at once; beyond it, in slices. */
const TIMED_AT_ONCE = 2000;

export class Family {
  /** Those that are many of a kind, by what makes them alike. */
  readonly kinds = new Map<string, Alike>();
  /** Those that aren't. */
  others = new Alike(null, '');
  private readonly members = new Map<string, Member>();
  /** Of the others, as long as they aren't many. */
  private readonly few = new Map<string, Member[]>();
  private list: readonly string[] = [];
  private timed = 0;

  constructor(
    private readonly tree: TreeReader,
    list: readonly string[]
  ) {
    this.add(list);
    this.time(TIMED_AT_ONCE);
  }

  get size(): number {
    return this.list.length;
  }

  /** Null unless all children are alike and many. */
  get only(): Alike | null {
    const [first] = this.kinds.values();
    return this.kinds.size === 1 && this.others.members.length === 0 ? (first ?? null) : null;
  }

  member(id: string): Member | undefined {
    return this.members.get(id);
  }

  /** False while nobody knows yet how long each took. */
  get isTimed(): boolean {
    return this.timed === this.list.length;
  }

  /** Times up to `count` more members. */
  time(count: number): void {
    const end = Math.min(this.list.length, this.timed + count);
    for (; this.timed < end; this.timed += 1) {
      const member = this.members.get(this.list[this.timed] as string);
      if (member && !member.times) {
        member.alike.time(member);
      }
    }
  }

  /** Takes in that `list` are the children now. */
  become(list: readonly string[]): void {
    const before = this.list;
    if (list === before) {
      return;
    }
    const { isTimed } = this;
    const gone = new Set<Member>();
    let kept = 0;
    for (const id of before) {
      if (id === list[kept]) {
        kept += 1;
      } else {
        gone.add(this.members.get(id) as Member);
      }
    }
    if (gone.size > 0) {
      this.leave(gone);
      this.timed = isTimed ? kept : 0;
    }
    this.add(list, kept);
    if (isTimed) {
      this.time(TIMED_AT_ONCE);
    }
  }

  /** A member, or something below it, changed. False where it is another kind of task now. */
  refresh(id: string): boolean {
    const member = this.members.get(id);
    const node = this.tree.node(id);
    if (!member || !node) {
      return true;
    }
    if (node.title !== member.node.title && kindOfNode(node).key !== kindOfNode(member.node).key) {
      return false;
    }
    member.alike.update(member, this.tree, node);
    return true;
  }

  private leave(gone: ReadonlySet<Member>): void {
    for (const { id } of gone) {
      this.members.delete(id);
    }
    const places = [...gone].map(({ index }) => index).sort((one, other) => one - other);
    for (const alike of [this.others, ...this.kinds.values()]) {
      alike.remove(gone, places);
      if (alike.key !== null && alike.members.length === 0) {
        this.kinds.delete(alike.key);
      }
    }
    for (const [key, few] of this.few) {
      this.few.set(
        key,
        few.filter(member => !gone.has(member))
      );
    }
  }

  private add(list: readonly string[], from = 0): void {
    this.list = list;
    const fresh: Member[] = [];
    const kinds: Kind[] = [];
    const counts = new Map<string, number>();
    for (let index = from; index < list.length; index += 1) {
      const id = list[index] as string;
      const node = this.tree.node(id);
      if (node) {
        const kind = kindOfNode(node);
        // What runs is shown at once; how long the others took can wait.
        const times = node.status === 'running' || node.status === 'review' ? timesOf(node) : null;
        const member: Member = { id, index, place: -1, alike: this.others, node, sum: null, times };
        this.members.set(id, member);
        fresh.push(member);
        kinds.push(kind);
        counts.set(kind.key, (counts.get(kind.key) ?? 0) + 1);
      }
    }
    for (const [at, member] of fresh.entries()) {
      const kind = kinds[at] as Kind;
      if (!this.kinds.has(kind.key) && this.kinds.size < MOST_KINDS) {
        const few = this.few.get(kind.key) ?? [];
        if (few.length + (counts.get(kind.key) ?? 0) >= MANY) {
          this.promote(kind, few);
        }
      }
      const alike = this.kinds.get(kind.key);
      if (alike) {
        alike.push(member, this.tree);
      } else {
        this.others.push(member, this.tree);
        this.few.set(kind.key, [...(this.few.get(kind.key) ?? []), member].slice(-MANY));
        counts.set(kind.key, (counts.get(kind.key) ?? 1) - 1);
      }
    }
  }

  /** What were few have become many. */
  private promote(kind: Kind, few: readonly Member[]): void {
    const alike = new Alike(kind.key, kind.label);
    this.kinds.set(kind.key, alike);
    this.few.delete(kind.key);
    if (few.length > 0) {
      const left = this.others.members.filter(member => !few.includes(member));
      this.others = new Alike(null, '');
      left.forEach(member => this.others.push(member, this.tree));
      few.forEach(member => alike.push(member, this.tree));
    }
  }
}
