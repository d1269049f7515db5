/** How long it still takes, as far as that can be known. Times are microseconds. */
import type { Rollup, TreeReader } from '../../core/reader.js';
import { usualDuration } from '../../core/typical.js';
import { elapsed, isHeard } from '../elapsed.js';
import type { Staleness } from '../staleness.js';
import { endedLeaves } from '../status.js';
import type { Alike } from './alike.js';
import { familiesOf } from './families.js';

const SECOND = 1_000_000;
/** Of the last minute, since the first leaves of a run are seldom like the later ones. */
const WINDOW = 60 * SECOND;
const BETWEEN_SAMPLES = SECOND;
/** Before so many leaves have ended, or so much time has passed, a rate is chance. */
const FEWEST_ENDED = 3;
const SHORTEST = 3 * SECOND;
/** Of the recent ones: for so long, and so many leaves. */
const RECENT = 15 * SECOND;
const FEWEST_RECENT = 5;
/** Who holds so much of what is left is what all wait for: then both take as long. */
const NEARLY_ALL = 0.9;
/** Among more children nobody looks for the one that holds nearly all. */
const LOOKED_THROUGH = 256;

interface Sample {
  at: number;
  /** Per mille of leaves. */
  done: number;
  ended: number;
}

/** How far a task was at moments of the last minute. */
class Course {
  private samples: Sample[] = [];

  note(sample: Sample): void {
    const last = this.samples[this.samples.length - 1];
    if (last && (sample.done < last.done || sample.at < last.at)) {
      this.samples = [];
    }
    if (!last || sample.at - last.at >= BETWEEN_SAMPLES) {
      this.samples.push(sample);
      while ((this.samples[1]?.at ?? Infinity) < sample.at - WINDOW) {
        this.samples.shift();
      }
    }
  }

  /** Per mille of leaves per microsecond, of late; null where that isn't known. */
  rate(now: Sample): number | null {
    const first = this.samples[0];
    if (!first || now.at - first.at < RECENT || now.ended - first.ended < FEWEST_RECENT) {
      return null;
    }
    return (now.done - first.done) / (now.at - first.at);
  }
}

const courses = new WeakMap<TreeReader, Map<string, Course>>();
/** Beside runs, groups that somebody looks at are followed too. */
const FOLLOWED = 500;

function courseOf(tree: TreeReader, id: string): Course {
  const known = courses.get(tree) ?? new Map<string, Course>();
  courses.set(tree, known);
  const course = known.get(id) ?? new Course();
  known.delete(id);
  known.set(id, course);
  for (const oldest of known.keys()) {
    if (known.size <= FOLLOWED) {
      break;
    }
    known.delete(oldest);
  }
  return course;
}

/**
 * Microseconds that a task with others below it will still take: by the rate at which leaves end, and by what it took in earlier runs; the more of it is done,
 * the more by the rate. Null where that can't be known: it isn't live, nobody said how many leaves are to come, or too little has happened.
 */
export function timeLeft(tree: TreeReader, id: string, now: number | null, stale: Staleness): number | null {
  if (now === null || !isHeard(tree, id, stale)) {
    return null;
  }
  const taken = elapsed(tree, id, now, stale);
  if (taken === null) {
    return null;
  }
  const byRate = leftByRate(tree, id, now, stale);
  const usual = usualDuration(tree, id);
  const byHistory = usual && usual.median > taken ? usual.median - taken : null;
  if (byRate === null || byHistory === null) {
    return byRate ?? byHistory;
  }
  const share = tree.rollup(id).progress / 1000;
  return byRate * share + byHistory * (1 - share);
}

/** The same for siblings that are alike: as long as their parent where they are nearly all that it waits for. */
export function timeLeftOf(
  alike: Alike,
  tree: TreeReader,
  parent: string | null,
  now: number,
  stale: Staleness
): number | null {
  const rollup = alike.rollup(tree);
  const isAll = parent !== null && isNearlyAll(leavesLeft(rollup), leavesLeft(tree.rollup(parent)));
  const ofParent = isAll ? timeLeft(tree, parent, now, stale) : null;
  if (ofParent !== null) {
    return ofParent;
  }
  const { draft = 0, ready = 0 } = rollup.counts;
  const rate = draft + ready > 0 ? leavesPerSecond(alike, tree, now) : null;
  return rate === null || rate <= 0 ? null : (leavesLeft(rollup) / rate) * SECOND;
}

function leftByRate(tree: TreeReader, id: string, now: number, stale: Staleness): number | null {
  const taken = isHeard(tree, id, stale) ? elapsed(tree, id, now, stale) : null;
  if (taken === null) {
    return null;
  }
  const { total, done, leaves, counts } = tree.rollup(id);
  const { draft = 0, ready = 0 } = counts;
  const ended = endedLeaves(counts);
  const sample = { at: now, done, ended };
  const course = courseOf(tree, id);
  course.note(sample);
  const within = childWithNearlyAll(tree, id);
  const there = within === null ? null : leftByRate(tree, within, now, stale);
  if (there !== null) {
    return there;
  }
  const left = leavesLeft(tree.rollup(id));
  // Else more may come: nobody said how many, and none waits.
  const isKnown = total > leaves || (tree.node(id)?.expected ?? 0) > 0 || draft + ready > 0;
  if (!isKnown || left <= 0) {
    return null;
  }
  const alike = kindWithNearlyAll(tree, id);
  const perSecond = alike && leavesPerSecond(alike, tree, now);
  if (perSecond !== null && perSecond > 0) {
    return (left / perSecond) * SECOND;
  }
  const rate = course.rate(sample) ?? (ended >= FEWEST_ENDED && taken >= SHORTEST ? done / taken : null);
  return rate === null || rate <= 0 ? null : (left * 1000) / rate;
}

/** What was skipped is no work: neither done nor left. */
function leavesLeft({ total, done, counts }: Rollup): number {
  return total - (counts.skipped ?? 0) - done / 1000;
}

function isNearlyAll(left: number, ofAll: number): boolean {
  return left > 0 && left >= NEARLY_ALL * ofAll;
}

function childWithNearlyAll(tree: TreeReader, id: string): string | null {
  const children = tree.children(id);
  const all = leavesLeft(tree.rollup(id));
  const found =
    children.length > LOOKED_THROUGH
      ? undefined
      : children.find(
          each => tree.children(each).length > 0 && isNearlyAll(leavesLeft(tree.rollup(each)), all)
        );
  return found ?? null;
}

function kindWithNearlyAll(tree: TreeReader, id: string): Alike | null {
  if (tree.children(id).length < FEWEST_RECENT) {
    return null;
  }
  const family = familiesOf(tree).of(id);
  const all = leavesLeft(tree.rollup(id));
  const isIt = (alike: Alike) => isNearlyAll(leavesLeft(alike.rollup(tree)), all);
  return family.only ?? [...family.kinds.values()].find(isIt) ?? null;
}

/** The rate is of members; each may have several leaves. */
function leavesPerSecond(alike: Alike, tree: TreeReader, now: number): number | null {
  const rate = alike.rate(now);
  const { leaves, counts } = alike.rollup(tree);
  const working = alike.members.length - alike.counts.skipped;
  return rate === null || working <= 0 ? null : (rate * (leaves - (counts.skipped ?? 0))) / working;
}
