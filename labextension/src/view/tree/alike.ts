/** Siblings that are alike, and what is told of them together; kept up member by member. */
import type { Rollup, Status, StatusCounts, TreeNode, TreeReader } from '../../core/reader.js';
import { isEnded, STATUSES } from '../../core/status.js';
import { parseTime } from '../../core/times.js';
import { NONE, type Staleness } from '../staleness.js';
import { BestMetrics, type Best } from './best.js';
import { Durations } from './durations.js';
import { Pace } from './pace.js';
import { Top } from './top.js';

/** So many of each sort may be shown. */
export const SHOWN = 14;

export interface Member {
  readonly id: string;
  /** Place among all children of the parent. */
  index: number;
  /** Place among those alike. */
  place: number;
  alike: Alike;
  node: TreeNode;
  /** What is at or below it; null until somebody wants the sum. */
  sum: Rollup | null;
  /** Null until it was looked at. */
  times: Times | null;
}

interface Times {
  /** Microseconds since 1970; infinite where unknown. */
  startedAt: number;
  /** Of what has ended: when, and how long it took; -1 where unknown. */
  endedAt: number;
  duration: number;
}

const byPlace = (one: Member, other: Member) => one.place - other.place;
const longestRunning = (one: Member, other: Member) =>
  compared(startOf(one), startOf(other)) || one.place - other.place;
// Of those that nobody timed, the last ones.
const slowest = (one: Member, other: Member) =>
  durationOf(other) - durationOf(one) || other.place - one.place;

const startOf = (member: Member) => member.times?.startedAt ?? Infinity;
const durationOf = (member: Member) => member.times?.duration ?? -1;
/** Infinite ones are equal. */
const compared = (one: number, other: number) => (one === other ? 0 : one - other);

export class Alike {
  members: Member[] = [];
  /** By their own status. */
  readonly counts: Record<Status, number> = {
    draft: 0,
    ready: 0,
    running: 0,
    review: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    skipped: 0
  };
  private readonly failed = new Set<Member>();
  private readonly running = new Set<Member>();
  private readonly topFailed = new Top<Member>(SHOWN, byPlace);
  private readonly topRunning = new Top<Member>(SHOWN, longestRunning);
  private readonly topEnded = new Top<Member>(SHOWN, slowest);
  private readonly durations = new Durations();
  private readonly pace = new Pace();
  private readonly metrics = new BestMetrics();
  private sums: Sums | null = null;
  /** How many nobody has timed yet: until then the times of the others mislead. */
  private untimed = 0;
  private earliest = Infinity;

  /** `key`: what makes them alike, see `core/kind.ts`; null for those that are like no others. */
  constructor(
    readonly key: string | null,
    readonly label: string
  ) {}

  /** Takes in one more. */
  push(member: Member, tree: TreeReader): void {
    member.alike = this;
    member.place = this.members.length;
    this.members.push(member);
    this.count(member, 1);
    if (this.sums) {
      member.sum = tree.rollup(member.id);
      this.sums.add(member.sum, 1);
    }
  }

  /** The member, or something below it, is another now. */
  update(member: Member, tree: TreeReader, node: TreeNode): void {
    if (node !== member.node) {
      this.count(member, -1);
      member.node = node;
      member.times = timesOf(node);
      this.count(member, 1);
    }
    if (this.sums) {
      this.sums.add(member.sum, -1);
      member.sum = tree.rollup(member.id);
      this.sums.add(member.sum, 1);
    }
  }

  /** It is known now when it began and ended. */
  time(member: Member): void {
    member.times = timesOf(member.node);
    this.untimed -= 1;
    this.addTimed(member, member.times, 1);
  }

  /** Some of the siblings went; `places`: where they stood among all of them, ascending. */
  remove(gone: ReadonlySet<Member>, places: readonly number[]): void {
    for (const member of gone) {
      if (member.alike === this) {
        this.count(member, -1);
        this.sums?.add(member.sum, -1);
      }
    }
    // Another list: rows may still go by the one there was.
    this.members = this.members.filter(member => !gone.has(member));
    let before = 0;
    this.members.forEach((member, place) => {
      while ((places[before] ?? Infinity) < member.index) {
        before += 1;
      }
      member.place = place;
      member.index -= before;
    });
  }

  /** Roll-up over all of them. */
  rollup(tree: TreeReader): Rollup {
    if (!this.sums) {
      this.sums = new Sums();
      for (const member of this.members) {
        member.sum = tree.rollup(member.id);
        this.sums.add(member.sum, 1);
      }
    }
    return this.sums.rollup();
  }

  get failedOnes(): Iterable<Member> {
    return this.failed;
  }

  firstFailed(): readonly Member[] {
    return this.topFailed.first(() => this.failed);
  }

  longestRunning(): readonly Member[] {
    return this.topRunning.first(() => this.running);
  }

  slowestEnded(): readonly Member[] {
    return this.topEnded.first(() => this.members.filter(({ node, times }) => times && isOver(node.status)));
  }

  /** The first `wanted` that haven't begun. */
  next(wanted: number): Member[] {
    const found: Member[] = [];
    for (let place = 0; place < this.members.length && found.length < wanted; place += 1) {
      const member = this.members[place] as Member;
      if (member.node.status === 'ready' || member.node.status === 'draft') {
        found.push(member);
      }
    }
    return found;
  }

  get ended(): number {
    return this.counts.completed + this.counts.cancelled + this.counts.skipped;
  }

  get underWay(): number {
    return this.counts.running + this.counts.review;
  }

  /** How many of the running leaves nobody hears of. */
  staleLeaves(staleness: Staleness): number {
    let count = 0;
    if (staleness !== NONE) {
      for (const { id } of this.running) {
        count += staleness.count(id);
      }
    }
    return count;
  }

  /** How many nobody hears of, but for `shown`. */
  staleMembers(staleness: Staleness, shown: readonly Member[]): number {
    let count = 0;
    if (staleness !== NONE) {
      const told = new Set(shown);
      for (const member of this.running) {
        count += !told.has(member) && staleness.since(member.id) !== null ? 1 : 0;
      }
    }
    return count;
  }

  /** How long the completed ones took, and how many those are that were timed. */
  median(): { duration: number; of: number } | null {
    const duration = this.untimed > 0 ? null : this.durations.median();
    return duration === null ? null : { duration, of: this.durations.size };
  }

  rate(now: number): number | null {
    return this.untimed > 0 ? null : this.pace.rate(now);
  }

  best(): Best | null {
    if (this.untimed > 0) {
      return null;
    }
    return this.metrics.best(() =>
      this.members.filter(({ node }) => node.status === 'completed').map(({ node }) => node.metrics)
    );
  }

  /** The last end of one that was worked on; null: none has ended, or nobody knows. */
  get endedAt(): number | null {
    return this.pace.last;
  }

  /** When the first of them began; null: none has, or nobody knows. It doesn't move when that one starts again. */
  get startedAt(): number | null {
    return this.earliest === Infinity ? null : this.earliest;
  }

  /** Adds what a member gives to the sums, or takes away what it gave. */
  private count(member: Member, sign: 1 | -1): void {
    const { times } = member;
    const { status } = member.node;
    this.counts[status] += sign;
    if (status === 'failed') {
      this.sort(member, this.failed, this.topFailed, sign);
    }
    if (times) {
      this.addTimed(member, times, sign);
    } else {
      this.untimed += sign;
    }
  }

  private addTimed(member: Member, times: Times, sign: 1 | -1): void {
    const { status, metrics } = member.node;
    this.earliest = Math.min(this.earliest, times.startedAt);
    if (status === 'running' || status === 'review') {
      this.sort(member, this.running, this.topRunning, sign);
    } else if (isOver(status)) {
      this.topEnded[sign > 0 ? 'add' : 'remove'](member);
    }
    if (status === 'completed') {
      this.metrics[sign > 0 ? 'add' : 'remove'](metrics);
      if (times.duration >= 0) {
        this.durations[sign > 0 ? 'add' : 'remove'](times.duration);
      }
    }
    if (isDone(status) && times.endedAt >= 0) {
      this.pace[sign > 0 ? 'add' : 'remove'](times.endedAt);
    }
  }

  private sort(member: Member, all: Set<Member>, top: Top<Member>, sign: 1 | -1): void {
    if (sign > 0) {
      all.add(member);
      top.add(member);
    } else {
      all.delete(member);
      top.remove(member);
    }
  }
}

/** Roll-ups added up. */
class Sums {
  private leaves = 0;
  private total = 0;
  private done = 0;
  private failures = 0;
  private readonly counts: StatusCounts = {};

  add(rollup: Rollup | null, sign: 1 | -1): void {
    if (rollup) {
      this.leaves += sign * rollup.leaves;
      this.total += sign * rollup.total;
      this.done += sign * rollup.done;
      this.failures += sign * rollup.failures;
      for (const [status, count] of Object.entries(rollup.counts) as [Status, number][]) {
        this.counts[status] = (this.counts[status] ?? 0) + sign * count;
      }
    }
  }

  rollup(): Rollup {
    const { leaves, total, done, failures } = this;
    const counts: StatusCounts = {};
    for (const status of STATUSES) {
      const count = this.counts[status] ?? 0;
      if (count > 0) {
        counts[status] = count;
      }
    }
    const divisor = total - (counts.skipped ?? 0);
    return {
      leaves,
      total,
      done,
      failures,
      counts,
      progress: divisor > 0 ? Math.floor(done / divisor) : 1000
    };
  }
}

/** Ended after work: what was skipped took none, and says nothing of the rate. */
function isDone(status: Status): boolean {
  return isEnded(status) && status !== 'skipped';
}

/** Ended, and not failed. */
function isOver(status: Status): boolean {
  return status === 'completed' || status === 'cancelled' || status === 'skipped';
}

export function timesOf(node: TreeNode): Times {
  const startedAt = parseTime(node.started_at);
  const endedAt = isEnded(node.status) ? parseTime(node.ended_at) : null;
  const duration = startedAt === null || endedAt === null ? -1 : Math.max(0, endedAt - startedAt);
  return { startedAt: startedAt ?? Infinity, endedAt: endedAt ?? -1, duration };
}
