/** Why the tasks of a run fail: its tree is followed for that, for as long as it goes on failing. */
import { groupFailures, sortGroups, type FailureGroup } from '../core/failures.js';
import type { Follow, Hub } from '../core/follow.js';
import type { TreeReader } from '../core/reader.js';
import { survey } from '../core/survey.js';

/** A larger run isn't fetched only to say what is the matter in it. */
export const LARGEST = 20_000;
/** Milliseconds. */
const PATIENCE = 15_000;
const KEPT_FOR = 30_000;
const SLICE = 6;

interface Held {
  follow: Follow;
  timer: ReturnType<typeof setTimeout> | null;
}

export interface Found {
  tree: TreeReader;
  /** Those with most failures first. */
  groups: readonly FailureGroup[];
}

export class Reasons {
  private readonly held = new Map<string, Held>();

  constructor(private readonly hub: Pick<Hub, 'follow'>) {}

  /** Null where it can't be known in time, or costs too much. `leaves`: how large the run is. */
  async of(projectId: string, missionId: string, leaves: number): Promise<Found | null> {
    if (leaves > LARGEST) {
      return null;
    }
    const follow = this.hold(projectId);
    const tree = await treeWith(follow, missionId);
    return tree && { tree, groups: sortGroups(await groupsOf(tree, missionId), 'count') };
  }

  dispose(): void {
    for (const { follow, timer } of this.held.values()) {
      if (timer !== null) {
        clearTimeout(timer);
      }
      follow.close();
    }
    this.held.clear();
  }

  private hold(projectId: string): Follow {
    const held = this.held.get(projectId) ?? { follow: this.hub.follow(projectId), timer: null };
    if (held.timer !== null) {
      clearTimeout(held.timer);
    }
    held.timer = setTimeout(() => {
      this.held.delete(projectId);
      held.follow.close();
    }, KEPT_FOR);
    this.held.set(projectId, held);
    return held.follow;
  }
}

function treeWith(follow: Follow, missionId: string): Promise<TreeReader | null> {
  return new Promise(resolve => {
    const look = () => {
      const { tree, status } = follow;
      if (status === 'live' && tree && tree.rollup(missionId).failures > 0) {
        done(tree);
      }
    };
    const done = (tree: TreeReader | null) => {
      clearTimeout(timer);
      stop();
      resolve(tree);
    };
    const timer = setTimeout(() => done(null), PATIENCE);
    const stop = follow.subscribe(look);
    look();
  });
}

async function groupsOf(tree: TreeReader, missionId: string): Promise<FailureGroup[]> {
  const { failed } = await inSlices(survey(tree, [missionId], null));
  return inSlices(groupFailures(tree, failed));
}

export async function inSlices<T>(work: Generator<undefined, T, undefined>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE;
    let step = work.next();
    while (!step.done && performance.now() < until) {
      step = work.next();
    }
    if (step.done) {
      return step.value;
    }
    await new Promise(resolve => setTimeout(resolve));
  }
}
