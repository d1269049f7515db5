/** A node inside the tree: its fields, its place, and what is known of all below it. Everything here is O(depth) a change. */
import type { Rollup, Span, Status, StatusCounts, TreeNode } from './reader.js';
import { isEnded, STATUSES } from './status.js';
import { parseTime } from './times.js';

type Counts = Record<Status, number>;

const noCounts = (): Counts => ({
  draft: 0,
  ready: 0,
  running: 0,
  review: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0
});

/** Children of one parent, in the order in which they were attached. */
export class Siblings {
  private readonly ids = new Set<string>();
  private cached: string[] | null = [];

  get size(): number {
    return this.ids.size;
  }

  /** Another array after every change, but not before: as long as nothing changed, the same. */
  get list(): readonly string[] {
    this.cached ??= [...this.ids];
    return this.cached;
  }

  add(id: string): void {
    this.ids.add(id);
    this.cached = null;
  }

  delete(id: string): void {
    this.ids.delete(id);
    this.cached = null;
  }

  [Symbol.iterator](): Iterator<string> {
    return this.ids[Symbol.iterator]();
  }
}

export class Entry {
  parent: Entry | null = null;
  /** Null for a leaf. */
  children: Siblings | null = null;
  /** At least the height of what is below, this included; exact only where it was asked for. */
  heightBound = 1;

  // Of the leaves at or below.
  private leaves = 1;
  private done = 0;
  private total = 1;
  private childrenTotal = 0;
  private failures = 0;
  private childrenFailures = 0;
  private counts: Counts | null = null;
  // What this node gave to the sums above, were it a leaf.
  private status: Status = 'draft';
  private ownDone = 0;
  private ownTotal = 0;
  // Null: not computed; then those above aren't either.
  private spanCache: Span | null = null;

  constructor(public fields: TreeNode) {
    this.readFields();
    this.done = this.ownDone;
    this.total = Math.max(this.ownTotal, 1);
    this.failures = this.status === 'failed' ? 1 : 0;
  }

  get id(): string {
    return this.fields.node_id;
  }

  depth(): number {
    let depth = 1;
    for (let above = this.parent; above; above = above.parent) {
      depth++;
    }
    return depth;
  }

  isAtOrBelow(other: Entry): boolean {
    for (let entry: Entry | null = this; entry; entry = entry.parent) {
      if (entry === other) {
        return true;
      }
    }
    return false;
  }

  /** Takes other fields, and tells everyone above what that changes. */
  setFields(fields: TreeNode): void {
    const before = this.fields;
    const [status, ownDone] = [this.status, this.ownDone];
    this.fields = fields;
    this.readFields();
    if (!this.children && (status !== this.status || ownDone !== this.ownDone)) {
      this.done = this.ownDone;
      for (let above = this.parent; above; above = above.parent) {
        above.done += this.ownDone - ownDone;
        if (above.counts) {
          above.counts[status]--;
          above.counts[this.status]++;
        }
      }
    }
    this.refreshTotal();
    this.refreshFailures();
    if (before.started_at !== fields.started_at || before.ended_at !== fields.ended_at) {
      this.spanMoved(timesOf(before), timesOf(fields));
    }
  }

  attach(child: Entry): void {
    if (!this.children) {
      this.shiftAbove(-1);
      this.children = new Siblings();
      this.counts = noCounts();
      this.leaves = 0;
      this.done = 0;
    }
    this.children.add(child.id);
    child.parent = this;
    child.shiftAbove(1);
    this.childrenTotal += child.total;
    this.refreshTotal();
    this.childrenFailures += child.failures;
    this.refreshFailures();
    if (this.spanCache) {
      child.spanCache ??= child.children ? null : timesOf(child.fields);
      if (child.spanCache) {
        this.spanMoved(NO_SPAN, child.spanCache);
      } else {
        this.forgetSpan();
      }
    }
    let height = child.heightBound;
    for (let above: Entry | null = this; above && above.heightBound <= height; above = above.parent) {
      above.heightBound = ++height;
    }
  }

  detach(): void {
    const parent = this.parent;
    const siblings = parent?.children;
    if (!parent || !siblings) {
      return;
    }
    this.shiftAbove(-1);
    siblings.delete(this.id);
    this.parent = null;
    parent.childrenTotal -= this.total;
    parent.childrenFailures -= this.failures;
    if (siblings.size === 0) {
      parent.children = null;
      parent.counts = null;
      parent.leaves = 1;
      parent.done = parent.ownDone;
      parent.shiftAbove(1);
    }
    parent.refreshTotal();
    parent.refreshFailures();
    parent.forgetSpan();
  }

  rollup(): Rollup {
    const counts: StatusCounts = {};
    if (this.counts) {
      for (const status of STATUSES) {
        if (this.counts[status] > 0) {
          counts[status] = this.counts[status];
        }
      }
    } else {
      counts[this.status] = 1;
    }
    const divisor = this.total - (counts.skipped ?? 0);
    const progress = divisor === 0 ? 1000 : Math.floor(this.done / divisor);
    const { leaves, total, done, failures } = this;
    return { leaves, total, done, progress, failures, counts };
  }

  span(entryOf: (id: string) => Entry): Span {
    if (!this.spanCache) {
      let span = timesOf(this.fields);
      for (const id of this.children ?? []) {
        span = spanOver(span, entryOf(id).span(entryOf));
      }
      this.spanCache = span;
    }
    return this.spanCache;
  }

  /** Exact; looks at all below. */
  height(entryOf: (id: string) => Entry): number {
    let below = 0;
    for (const id of this.children ?? []) {
      below = Math.max(below, entryOf(id).height(entryOf));
    }
    this.heightBound = below + 1;
    return this.heightBound;
  }

  private readFields(): void {
    const { status, progress, expected } = this.fields;
    this.status = status;
    const ended = isEnded(status);
    if (status === 'skipped') {
      this.ownDone = 0;
    } else {
      this.ownDone = ended ? 1000 : Math.floor((progress ?? 0) * 1000 + 0.5);
    }
    this.ownTotal = ended ? 0 : (expected ?? 0);
  }

  /** Adds to everyone above, or takes away, what lies at or below this. */
  private shiftAbove(sign: 1 | -1): void {
    for (let above = this.parent; above; above = above.parent) {
      above.leaves += sign * this.leaves;
      above.done += sign * this.done;
      if (!above.counts) {
        continue;
      }
      if (this.counts) {
        for (const status of STATUSES) {
          above.counts[status] += sign * this.counts[status];
        }
      } else {
        above.counts[this.status] += sign;
      }
    }
  }

  private refreshTotal(): void {
    for (let entry: Entry | null = this; entry; entry = entry.parent) {
      const total = Math.max(entry.ownTotal, entry.children ? entry.childrenTotal : 1);
      const more = total - entry.total;
      if (more === 0) {
        return;
      }
      entry.total = total;
      if (entry.parent) {
        entry.parent.childrenTotal += more;
      }
    }
  }

  private refreshFailures(): void {
    for (let entry: Entry | null = this; entry; entry = entry.parent) {
      const failures: number = entry.childrenFailures || (entry.status === 'failed' ? 1 : 0);
      const more = failures - entry.failures;
      if (more === 0) {
        return;
      }
      entry.failures = failures;
      if (entry.parent) {
        entry.parent.childrenFailures += more;
      }
    }
  }

  /** A span at or below this became another; most only widen, and then nobody has to look at siblings. */
  private spanMoved(from: Span, to: Span): void {
    for (let entry: Entry | null = this; entry?.spanCache; entry = entry.parent) {
      const { startedAt, endedAt } = entry.spanCache;
      const startLost = startedAt === from.startedAt && (to.startedAt ?? Infinity) > (startedAt ?? Infinity);
      const endLost = endedAt === from.endedAt && (to.endedAt ?? -Infinity) < (endedAt ?? -Infinity);
      if (!entry.children) {
        // Nobody but itself: a task that starts again makes nobody above look at all its siblings.
        entry.spanCache = to;
      } else if (startLost || endLost) {
        entry.forgetSpan();
        return;
      } else {
        entry.spanCache = spanOver(entry.spanCache, to);
      }
    }
  }

  private forgetSpan(): void {
    for (let entry: Entry | null = this; entry?.spanCache; entry = entry.parent) {
      entry.spanCache = null;
    }
  }
}

const NO_SPAN: Span = { startedAt: null, endedAt: null };

function timesOf(fields: TreeNode): Span {
  return { startedAt: parseTime(fields.started_at), endedAt: parseTime(fields.ended_at) };
}

function spanOver(one: Span, other: Span): Span {
  const start = Math.min(one.startedAt ?? Infinity, other.startedAt ?? Infinity);
  const end = Math.max(one.endedAt ?? -Infinity, other.endedAt ?? -Infinity);
  return { startedAt: start === Infinity ? null : start, endedAt: end === -Infinity ? null : end };
}
