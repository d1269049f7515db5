/** How long it still takes, as far as that can be known. Times are microseconds. */
import type { TreeReader } from '../../core/reader.js';
import { usualDuration } from '../../core/typical.js';
import { elapsed, isHeard } from '../elapsed.js';
import type { Staleness } from '../staleness.js';
import { endedLeaves } from '../status.js';

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
  const byRate = leftByRate(tree, id, now, taken);
  const usual = usualDuration(tree, id);
  const byHistory = usual && usual.median > taken ? usual.median - taken : null;
  if (byRate === null || byHistory === null) {
    return byRate ?? byHistory;
  }
  const share = tree.rollup(id).progress / 1000;
  return byRate * share + byHistory * (1 - share);
}

function leftByRate(tree: TreeReader, id: string, now: number, taken: number): number | null {
  const { total, done, leaves, counts } = tree.rollup(id);
  const { skipped = 0, draft = 0, ready = 0 } = counts;
  const ended = endedLeaves(counts);
  const sample = { at: now, done, ended };
  const course = courseOf(tree, id);
  course.note(sample);
  const left = (total - skipped) * 1000 - done;
  // Else more may come: nobody said how many, and none waits.
  const isKnown = total > leaves || (tree.node(id)?.expected ?? 0) > 0 || draft + ready > 0;
  if (!isKnown || left <= 0) {
    return null;
  }
  const rate = course.rate(sample) ?? (ended >= FEWEST_ENDED && taken >= SHORTEST ? done / taken : null);
  return rate === null || rate <= 0 ? null : left / rate;
}
