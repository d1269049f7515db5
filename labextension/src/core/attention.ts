/** What somebody should look at now, most pressing first. No clock of its own, no words. */
import { depthOf, rootOf } from './above.js';
import type { FailureGroup } from './failures.js';
import { kindOfNode } from './kind.js';
import type { StaleTasks } from './presence.js';
import type { TreeReader } from './reader.js';
import { isSilent } from './reports.js';
import { isEnded } from './status.js';
import { SLOW_COUNT, SLOW_FLOOR, type Survey } from './survey.js';
import { parseTime } from './times.js';
import { usualDuration } from './typical.js';

interface Common {
  /** The same for the same matter, however it goes on. */
  key: string;
  /** The task to go to; null: there is none. */
  id: string | null;
  /** How many tasks it is about. */
  count: number;
}

export type AttentionItem = Common &
  (
    | { kind: 'failed'; group: FailureGroup; at: number | null }
    | { kind: 'retry'; attempt: number }
    | { kind: 'stale'; since: number }
    | { kind: 'silent'; agent: string; since: number }
    /** `pace`: what all but the slowest of its siblings took. */
    | { kind: 'slow'; elapsed: number; pace: number }
    | { kind: 'late'; elapsed: number; usual: number }
  );

/** Slower than its siblings: so many times what all but the slowest of them took. */
const SLOW_TIMES = 3;
/** Slower than earlier runs: by so much, where so many have completed. */
const LATE_TIMES = 1.5;
export const LATE_RUNS = 2;

export interface Circumstances {
  /** Microseconds since 1970, like all times here; null where it isn't known how things stand just now. */
  now: number | null;
  stale: StaleTasks;
}

export function attention(
  tree: TreeReader,
  roots: readonly string[],
  survey: Survey,
  failures: readonly FailureGroup[],
  { now, stale }: Circumstances
): AttentionItem[] {
  const staleItems = now === null ? [] : staleTasks(tree, roots, stale);
  return [
    ...failures.map(failed).sort((a, b) => (b.at ?? 0) - (a.at ?? 0)),
    ...retryLoops(tree, survey),
    ...staleItems,
    ...(now === null ? [] : silentAgents(survey, now)),
    ...(now === null ? [] : slowTasks(tree, survey, now, stale)),
    ...(now === null ? [] : lateTasks(tree, survey, now, stale))
  ];
}

function failed(group: FailureGroup): AttentionItem & { kind: 'failed' } {
  const id = group.ids[group.ids.length - 1] ?? null;
  return { kind: 'failed', key: `failed ${group.key}`, id, count: group.ids.length, group, at: group.lastAt };
}

/** Of a run that has ended nobody waits for the next attempt. One item for the tasks of a group. */
function retryLoops(tree: TreeReader, survey: Survey): AttentionItem[] {
  const items = new Map<string, AttentionItem & { kind: 'retry' }>();
  for (const id of survey.retrying) {
    const node = tree.node(id);
    if (!node || isEnded(tree.node(rootOf(tree, id))?.status ?? 'failed')) {
      continue;
    }
    const attempt = node.attempt ?? 1;
    const key = `retry ${node.parent_id ?? id}`;
    const item = items.get(key);
    if (!item) {
      items.set(key, { kind: 'retry', key, id, count: 1, attempt });
    } else {
      items.set(key, {
        ...item,
        count: item.count + 1,
        ...(attempt > item.attempt ? { id, attempt } : {})
      });
    }
  }
  return [...items.values()];
}

/** One item for the tasks of a run that were last heard of at the same moment: they are of one process. */
function staleTasks(tree: TreeReader, roots: readonly string[], stale: StaleTasks): AttentionItem[] {
  const wanted = new Set(roots);
  const items = new Map<string, AttentionItem & { kind: 'stale' }>();
  for (const [id, since] of stale) {
    if (tree.node(id)?.status !== 'running') {
      continue;
    }
    const root = rootOf(tree, id);
    if (!wanted.has(root)) {
      continue;
    }
    const key = `stale ${since} ${root}`;
    const isLeaf = tree.children(id).length === 0;
    const item = items.get(key);
    if (!item) {
      items.set(key, { kind: 'stale', key, id, count: isLeaf ? 1 : 0, since });
    } else {
      const before = item.id === null || depthOf(tree, item.id) <= depthOf(tree, id);
      items.set(key, { ...item, count: item.count + (isLeaf ? 1 : 0), id: before ? item.id : id });
    }
  }
  return [...items.values()];
}

function silentAgents({ agents }: Survey, now: number): AttentionItem[] {
  return agents
    .filter(agent => isSilent(agent, now))
    .map(({ name, heardAt, current }) => {
      const since = heardAt ?? now;
      return { kind: 'silent', key: `silent ${name}`, id: current, count: 1, agent: name, since };
    });
}

function* workedFor(
  tree: TreeReader,
  survey: Survey,
  now: number,
  stale: StaleTasks
): Generator<[id: string, elapsed: number]> {
  for (const id of survey.running) {
    const node = tree.node(id);
    const started = parseTime(node?.started_at);
    if (node?.status === 'running' && started !== null && now - started >= SLOW_FLOOR && !stale.has(id)) {
      yield [id, now - started];
    }
  }
}

/** One item for those of a group; it leads to the slowest. */
function slowTasks(tree: TreeReader, survey: Survey, now: number, stale: StaleTasks): AttentionItem[] {
  const items = new Map<string, AttentionItem & { kind: 'slow' }>();
  for (const [id, elapsed] of workedFor(tree, survey, now, stale)) {
    const node = tree.node(id);
    const alike = node && kindOfNode(node).key;
    const pace = alike === undefined ? undefined : survey.paces.get(node?.parent_id ?? '')?.get(alike);
    if (!pace || pace.count < SLOW_COUNT || elapsed < SLOW_TIMES * pace.p95) {
      continue;
    }
    const key = `slow ${node?.parent_id} ${alike}`;
    const item = items.get(key);
    if (!item) {
      items.set(key, { kind: 'slow', key, id, count: 1, elapsed, pace: pace.p95 });
    } else {
      const slowest = elapsed > item.elapsed ? { id, elapsed } : {};
      items.set(key, { ...item, count: item.count + 1, ...slowest });
    }
  }
  return [...items.values()];
}

/** Where a task is late, so is what it is part of: told is the innermost. */
function lateTasks(tree: TreeReader, survey: Survey, now: number, stale: StaleTasks): AttentionItem[] {
  const items = new Map<string, AttentionItem>();
  const passed = new Set<string>();
  for (const [id, elapsed] of [...workedFor(tree, survey, now, stale)].reverse()) {
    if (passed.has(id)) {
      continue;
    }
    const usual = usualDuration(tree, id);
    if (usual && usual.runs >= LATE_RUNS && isLate(elapsed, usual.median)) {
      items.set(id, { kind: 'late', key: `late ${id}`, id, count: 1, elapsed, usual: usual.median });
      for (let above = tree.node(id)?.parent_id; above !== undefined; above = tree.node(above)?.parent_id) {
        passed.add(above);
      }
    }
  }
  return [...items.values()].reverse();
}

/** Much longer than usual, and not only by moments. */
export function isLate(elapsed: number, usual: number): boolean {
  return elapsed >= LATE_TIMES * usual && elapsed - usual >= SLOW_FLOOR;
}
