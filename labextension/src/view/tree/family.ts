/** The children of one parent, sorted into those that are alike. */
import type { Rollup, TreeNode, TreeReader } from '../../core/reader.js';
import { Alike, timesOf, type Member } from './alike.js';
import { kindOf, type Kind } from './kind.js';

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
        member.alike.update(member, () => {
          member.times = timesOf(member.node);
        });
      }
    }
  }

  /** Whether `list` are the members, or those and some more at the end; then those are taken in. */
  grow(list: readonly string[]): boolean {
    const before = this.list;
    if (list === before) {
      return true;
    }
    if (list.length < before.length) {
      return false;
    }
    for (let index = 0; index < before.length; index += 1) {
      if (list[index] !== before[index]) {
        return false;
      }
    }
    const isTimed = this.isTimed;
    this.add(list);
    if (isTimed) {
      this.time(TIMED_AT_ONCE);
    }
    return true;
  }

  /** A member, or something below it, changed. False where it is another kind of task now. */
  refresh(id: string): boolean {
    const member = this.members.get(id);
    const node = this.tree.node(id);
    if (!member || !node) {
      return true;
    }
    const below = belowOf(this.tree, node);
    if (node === member.node && below === null && member.below === null) {
      return true;
    }
    if (node.title !== member.node.title && kindOf(nameOf(node)).key !== kindOf(nameOf(member.node)).key) {
      return false;
    }
    member.alike.update(member, () => {
      member.times = timesOf(node);
      member.node = node;
      member.below = below;
    });
    return true;
  }

  private add(list: readonly string[]): void {
    const from = this.list.length;
    this.list = list;
    const fresh: { member: Member; kind: Kind }[] = [];
    const counts = new Map<string, number>();
    for (let index = from; index < list.length; index += 1) {
      const id = list[index] as string;
      const node = this.tree.node(id);
      if (node) {
        const kind = kindOf(nameOf(node));
        const below = belowOf(this.tree, node);
        // What runs is shown at once; how long the others took can wait.
        const times = node.status === 'running' || node.status === 'review' ? timesOf(node) : null;
        const member: Member = { id, index, place: -1, alike: this.others, node, below, times };
        this.members.set(id, member);
        fresh.push({ member, kind });
        counts.set(kind.key, (counts.get(kind.key) ?? 0) + 1);
      }
    }
    for (const { member, kind } of fresh) {
      const few = this.few.get(kind.key) ?? [];
      if (!this.kinds.has(kind.key) && this.kinds.size < MOST_KINDS) {
        if (few.length + (counts.get(kind.key) ?? 0) >= MANY) {
          this.promote(kind, few);
        }
      }
      const alike = this.kinds.get(kind.key);
      if (alike) {
        alike.push(member);
      } else {
        this.others.push(member);
        this.few.set(kind.key, [...few, member].slice(-MANY));
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
      left.forEach(member => this.others.push(member));
      few.forEach(member => alike.push(member));
    }
  }
}

function nameOf(node: TreeNode): string {
  return node.title === undefined || node.title === '' ? node.node_id : node.title;
}

/** Null for a leaf, whose own fields say it all. */
function belowOf(tree: TreeReader, node: TreeNode): Rollup | null {
  const isLeaf = tree.children(node.node_id).length === 0 && tree.omitted(node.node_id) === null;
  return isLeaf ? null : tree.rollup(node.node_id);
}
