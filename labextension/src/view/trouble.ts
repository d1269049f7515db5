/** What is the matter in a tree: one look for all who show it, in slices between which the page goes on. */
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { groupFailures, type FailureGroup } from '../core/failures.js';
import type { TreeReader } from '../core/reader.js';
import { NOTHING_SEEN, survey, type Survey } from '../core/survey.js';

export interface Trouble {
  survey: Survey;
  failures: readonly FailureGroup[];
}

const NOTHING: Trouble = { survey: NOTHING_SEEN, failures: [] };

/** Milliseconds that a slice takes at most, and that lie between the end of a look and the next. */
const SLICE = 6;
const REST = 1000;
/** Roots of a tree that are looked after at once, in different views. */
const KEPT = 8;

function* look(
  tree: TreeReader,
  roots: readonly string[],
  before: Survey
): Generator<undefined, Trouble, undefined> {
  const seen = yield* survey(tree, roots, Date.now() * 1000, before);
  return { survey: seen, failures: yield* groupFailures(tree, seen.failed) };
}

/** Looks again whenever it is told of a change, but no more often than the page can bear. */
export class Lookout {
  private current = NOTHING;
  private readonly listeners = new Set<() => void>();
  private work: Generator<undefined, Trouble, undefined> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isDue = false;
  private seen: unknown = this;

  constructor(
    private readonly tree: TreeReader,
    private readonly roots: readonly string[]
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  readonly read = (): Trouble => this.current;

  /** `version`: of the tree; the same one is looked at once. The first look begins at once, so that a small tree is seen at first sight. */
  changed(version: unknown): void {
    if (version === this.seen) {
      return;
    }
    const isFirst = this.seen === this;
    this.seen = version;
    this.isDue = true;
    if (isFirst) {
      this.begin();
      this.goOn(false);
    } else {
      this.timer ??= setTimeout(() => this.slice(), REST);
    }
  }

  private begin(): void {
    this.isDue = false;
    this.work = look(this.tree, this.roots, this.current.survey);
  }

  private slice(): void {
    this.timer = null;
    if (!this.work) {
      if (!this.isDue || this.listeners.size === 0) {
        // Nobody looks; whoever comes next finds that it is due.
        this.seen = this.isDue ? this : this.seen;
        return;
      }
      this.begin();
    }
    this.goOn(true);
  }

  private goOn(tells: boolean): void {
    const until = performance.now() + SLICE;
    let step = this.work?.next();
    while (step && !step.done && performance.now() < until) {
      step = this.work?.next();
    }
    if (step?.done) {
      this.work = null;
      this.current = step.value;
      if (tells) {
        [...this.listeners].forEach(listener => listener());
      }
    }
    // After the last step it rests before the next look, where one is due by then.
    this.timer ??= setTimeout(() => this.slice(), this.work ? 0 : REST);
  }
}

const lookouts = new WeakMap<TreeReader, Map<string, Lookout>>();

function lookoutOf(tree: TreeReader, roots: readonly string[]): Lookout {
  const ofTree = lookouts.get(tree) ?? new Map<string, Lookout>();
  lookouts.set(tree, ofTree);
  const key = JSON.stringify(roots);
  const lookout = ofTree.get(key) ?? new Lookout(tree, roots);
  ofTree.delete(key);
  ofTree.set(key, lookout);
  for (const oldest of ofTree.keys()) {
    if (ofTree.size <= KEPT) {
      break;
    }
    ofTree.delete(oldest);
  }
  return lookout;
}

/** What is the matter below these roots, up to a second late. */
export function useTrouble(tree: TreeReader, version: string, roots: readonly string[]): Trouble {
  const lookout = useMemo(() => {
    const found = lookoutOf(tree, roots);
    found.changed(tree.version);
    return found;
  }, [tree, roots]);
  const trouble = useSyncExternalStore(lookout.subscribe, lookout.read);
  useEffect(() => lookout.changed(tree.version), [lookout, tree, version]);
  return trouble;
}
