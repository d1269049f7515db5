/** Which tasks match what somebody looks for: found in slices, then kept up with what changes. */
import type { Query } from '../../core/query.js';
import type { TreeNode, TreeReader } from '../../core/reader.js';
import { Gradual } from '../attended.js';

/** Milliseconds of one slice. */
const SLICE = 8;
/** Nodes between two looks at the clock. */
const STEP = 200;

const NO_BRANCHES: ReadonlySet<string> = new Set();

interface Frame {
  children: readonly string[];
  next: number;
}

interface Shown {
  ids: Set<string>;
  /** Those of them with matches below. */
  branches: Set<string>;
  /** In the order of the siblings; null: it isn't known. */
  list: readonly string[] | null;
}

export class Matching {
  private readonly found = new Set<string>();
  /** How many match below a node. */
  private readonly below = new Map<string, number>();
  /** Children that match or have matches below, by parent. */
  private readonly shown = new Map<string, Shown>();
  /** The parent under which a task stood when what is in it was looked at. */
  private readonly entered = new Map<string, string>();
  private readonly tops: ReadonlySet<string>;
  private stack: Frame[] = [];
  private looked = 0;
  private mark: number | null = null;
  private seenVersion = -1;
  private readonly search = new Gradual(() => this.nextSlice());

  constructor(
    private readonly tree: TreeReader,
    private readonly roots: readonly string[],
    private readonly query: Query,
    private readonly clock: () => number = () => performance.now()
  ) {
    this.tops = new Set(roots);
    this.begin();
    this.look();
  }

  readonly subscribe = this.search.subscribe;

  readonly getVersion = this.search.getVersion;

  /** How many match, of those that were looked at. */
  get count(): number {
    return this.found.size;
  }

  get isDone(): boolean {
    return this.stack.length === 0;
  }

  matches(id: string): boolean {
    return this.found.has(id);
  }

  matchesBelow(id: string): boolean {
    return (this.below.get(id) ?? 0) > 0;
  }

  shows(id: string): boolean {
    return this.found.has(id) || this.matchesBelow(id);
  }

  /** The children of a node that are shown, in their order. */
  childrenOf(parent: string): readonly string[] {
    const shown = this.shown.get(parent);
    if (!shown) {
      return [];
    }
    shown.list ??= this.tree.children(parent).filter(id => shown.ids.has(id));
    return shown.list;
  }

  /** Those of them that have matches below. */
  branchesOf(parent: string): ReadonlySet<string> {
    return this.shown.get(parent)?.branches ?? NO_BRANCHES;
  }

  /** Takes in what changed in the tree. */
  keepUp(): void {
    if (this.seenVersion === this.tree.version) {
      return;
    }
    this.seenVersion = this.tree.version;
    const changes = this.tree.changes?.(this.mark) ?? { mark: 0, ids: [] };
    this.mark = changes.mark;
    const left = this.stack.length;
    // What was passed already could have changed meanwhile, what comes will be looked at anyway.
    const isSame = changes.ids?.every(id => this.again(id)) ?? false;
    if (!isSame) {
      this.begin();
    }
    if (!isSame || (left === 0 && this.stack.length > 0)) {
      this.look();
      this.search.work();
    }
  }

  private begin(): void {
    this.found.clear();
    this.below.clear();
    this.shown.clear();
    this.entered.clear();
    this.looked = 0;
    this.stack = [{ children: this.roots, next: 0 }];
    this.seenVersion = this.tree.version;
    this.mark = this.tree.changes?.(null).mark ?? null;
  }

  private look(): void {
    const until = this.clock() + SLICE;
    for (let frame = this.stack[this.stack.length - 1]; frame; frame = this.stack[this.stack.length - 1]) {
      const id = frame.children[frame.next];
      if (id === undefined) {
        this.stack.pop();
        continue;
      }
      frame.next += 1;
      const node = this.tree.node(id);
      if (node) {
        this.looked += 1;
        // It may have gone elsewhere since it was noted down.
        if (!this.found.has(id) && this.query.matches(node) && this.isBelowRoots(id)) {
          this.add(id);
        }
        this.enter(node);
      }
      if (this.looked % STEP === 0 && this.clock() > until) {
        return;
      }
    }
  }

  /** What is in a task comes next. */
  private enter({ node_id: id, parent_id: parent = '' }: TreeNode): void {
    const children = this.tree.children(id);
    if (children.length > 0) {
      this.entered.set(id, parent);
      this.stack.push({ children, next: 0 });
    }
  }

  /** False where all has to be looked at again. */
  private again(id: string): boolean {
    const node = this.tree.node(id);
    const parent = node?.parent_id;
    const isShown = this.shows(id);
    if (isShown && !this.tops.has(id) && !this.shown.get(parent ?? '')?.ids.has(id)) {
      // It was removed, or is elsewhere now.
      return false;
    }
    if (!node || !this.isBelowRoots(id)) {
      this.entered.delete(id);
      return !isShown;
    }
    if (this.entered.get(id) !== (parent ?? '')) {
      // It came with what is in it: of that nothing is told, since it didn't change.
      this.enter(node);
    }
    if (this.query.matches(node) !== this.found.has(id)) {
      if (this.found.has(id)) {
        this.remove(id);
      } else {
        this.add(id);
      }
    }
    return true;
  }

  private add(id: string): void {
    this.found.add(id);
    this.show(id);
    for (let up = this.above(id); up !== undefined; up = this.above(up)) {
      this.below.set(up, (this.below.get(up) ?? 0) + 1);
      this.show(up);
    }
  }

  private remove(id: string): void {
    this.found.delete(id);
    this.hide(id);
    for (let up = this.above(id); up !== undefined; up = this.above(up)) {
      this.below.set(up, (this.below.get(up) ?? 0) - 1);
      this.hide(up);
    }
  }

  private show(id: string): void {
    const parent = this.above(id);
    if (parent === undefined) {
      return;
    }
    const shown = this.shown.get(parent) ?? { ids: new Set(), branches: new Set(), list: null };
    if (!shown.ids.has(id)) {
      shown.ids.add(id);
      shown.list = null;
      this.shown.set(parent, shown);
    }
    if (this.matchesBelow(id)) {
      shown.branches.add(id);
    }
  }

  private hide(id: string): void {
    const shown = this.shown.get(this.above(id) ?? '');
    if (shown && !this.shows(id)) {
      shown.ids.delete(id);
      shown.list = null;
    }
    if (shown && !this.matchesBelow(id)) {
      shown.branches.delete(id);
    }
  }

  private above(id: string): string | undefined {
    return this.tops.has(id) ? undefined : this.tree.node(id)?.parent_id;
  }

  private isBelowRoots(id: string): boolean {
    let up: string | undefined = id;
    while (up !== undefined && !this.tops.has(up)) {
      up = this.tree.node(up)?.parent_id;
    }
    return up !== undefined;
  }

  private nextSlice(): (() => boolean) | null {
    return this.isDone
      ? null
      : () => {
          this.look();
          return true;
        };
  }
}
