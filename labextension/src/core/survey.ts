/**
 * One look at all tasks below some roots, for what wants attention. It is taken a slice at a time: each step of the generator looks at a bounded
 * number of tasks, so that whoever runs it can pause in between, while the tree goes on.
 */
import { kindOfNode } from './kind.js';
import type { TreeReader } from './reader.js';
import { latest, reportsOf, signOfLife } from './reports.js';

/** How long tasks alike took, of those that completed. */
export interface Pace {
  /** Microseconds. */
  p95: number;
  /** How many say so. */
  count: number;
}

/** As `core/reports.ts` says who is silent. */
export interface SeenAgent {
  name: string;
  heardAt: number | null;
  silentAfter: number | null;
  /** The first in the tree; null: none. */
  current: string | null;
}

export interface Survey {
  /** Failed tasks below which nothing failed, in the tree's order. An exception on its way up is one failure. */
  readonly failed: readonly string[];
  /** What says of itself that it runs. */
  readonly running: readonly string[];
  /** Tasks that are at their third attempt, or a later one, and haven't succeeded. */
  readonly retrying: readonly string[];
  /** Those that were reported, with a task of their own that runs. */
  readonly agents: readonly SeenAgent[];
  /** By parent and by what makes tasks alike, where something runs there, for however short a time: nobody looks again only because time passes. */
  readonly paces: ReadonlyMap<string, ReadonlyMap<string, Pace>>;
  /** How many tasks were looked at. */
  readonly size: number;
}

export const NOTHING_SEEN: Survey = {
  ...{ failed: [], running: [], retrying: [], agents: [], size: 0 },
  paces: new Map()
};

/** Tasks of one step. */
export const STEP = 512;
/** An attempt from which on one speaks of a loop. */
export const LOOPING = 3;
/** What has run for less isn't slow, whatever the others took. Microseconds. */
export const SLOW_FLOOR = 10_000_000;
/** Slower than its siblings is only said where so many of them have completed. */
export const SLOW_COUNT = 8;
/** So many durations say as much as all. */
const SAMPLE = 4096;
/** A pace is taken again when so many more have completed, in relation to those it was taken from. */
const GROWN = 1.05;

/** `now`: microseconds since 1970; null where nothing is known to run. `before`: the last survey of the same roots, which spares work. */
export function* survey(
  tree: TreeReader,
  roots: readonly string[],
  now: number | null,
  before: Survey = NOTHING_SEEN
): Generator<undefined, Survey, undefined> {
  const failed: string[] = [];
  const running: string[] = [];
  const retrying: string[] = [];
  const aboveFailures: string[] = [];
  const agents = new Map<string, SeenAgent>();
  for (const [name, { heardAt, silentAfter }] of reportsOf(tree, roots)) {
    agents.set(name, { name, heardAt, silentAfter, current: null });
  }
  const stack = [...roots].reverse();
  let size = 0;
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    size++;
    if (size % STEP === 0) {
      yield;
    }
    const node = tree.node(id);
    if (!node) {
      continue;
    }
    const children = tree.children(id);
    for (let index = children.length - 1; index >= 0; index--) {
      stack.push(children[index] as string);
    }
    const { status, attempt = 1 } = node;
    const agent = node.agent === undefined ? undefined : agents.get(node.agent);
    if (agent) {
      agent.heardAt = latest(agent.heardAt, signOfLife(node));
      agent.current ??= status === 'running' || status === 'review' ? id : null;
    }
    if (status === 'failed') {
      failed.push(id);
      if (children.length > 0 || tree.omitted(id) !== null) {
        aboveFailures.push(id);
      }
    } else if (status === 'running') {
      running.push(id);
    }
    if (attempt >= LOOPING && (status === 'failed' || status === 'running' || status === 'ready')) {
      retrying.push(id);
    }
  }
  const began = aboveFailures.length > 0 ? yield* whereTheyBegan(tree, failed, aboveFailures) : failed;
  const paces = now === null ? new Map() : yield* pacesOf(tree, running, before);
  return { failed: began, running, retrying, agents: [...agents.values()], paces, size };
}

/** `failed`: parents before children. */
function* whereTheyBegan(
  tree: TreeReader,
  failed: readonly string[],
  groups: readonly string[]
): Generator<undefined, string[], undefined> {
  const passed = new Set(groups.filter(id => (tree.omitted(id)?.counts.failed ?? 0) > 0));
  const marked = new Set<string>();
  for (let index = failed.length - 1; index >= 0; index--) {
    const id = failed[index] as string;
    if (index % STEP === 0) {
      yield;
    }
    if (marked.has(id)) {
      passed.add(id);
    }
    let above = tree.node(id)?.parent_id;
    while (above !== undefined && !marked.has(above)) {
      marked.add(above);
      above = tree.node(above)?.parent_id;
    }
  }
  return failed.filter(id => !passed.has(id));
}

function* pacesOf(
  tree: TreeReader,
  running: readonly string[],
  before: Survey
): Generator<undefined, Map<string, ReadonlyMap<string, Pace>>, undefined> {
  const paces = new Map<string, ReadonlyMap<string, Pace>>();
  for (const id of running) {
    const parent = tree.node(id)?.parent_id;
    if (parent !== undefined && !paces.has(parent) && tree.children(parent).length > SLOW_COUNT) {
      const known = before.paces.get(parent);
      paces.set(parent, known && isRecent(tree, parent, known) ? known : yield* paceBelow(tree, parent));
    }
  }
  return paces;
}

function isRecent(tree: TreeReader, parent: string, paces: ReadonlyMap<string, Pace>): boolean {
  let counted = 0;
  for (const { count } of paces.values()) {
    counted += count;
  }
  return counted > 0 && (tree.rollup(parent).counts.completed ?? 0) <= counted * GROWN;
}

function* paceBelow(
  tree: TreeReader,
  parent: string
): Generator<undefined, ReadonlyMap<string, Pace>, undefined> {
  const times = new Map<string, number[]>();
  const children = tree.children(parent);
  for (let index = 0; index < children.length; index++) {
    if (index % STEP === 0) {
      yield;
    }
    const id = children[index] as string;
    const node = tree.node(id);
    if (node?.status === 'completed') {
      const { startedAt, endedAt } = tree.span(id);
      if (startedAt !== null && endedAt !== null) {
        const { key } = kindOfNode(node);
        const alike = times.get(key);
        if (alike) {
          alike.push(endedAt - startedAt);
        } else {
          times.set(key, [endedAt - startedAt]);
        }
      }
    }
  }
  const paces = new Map<string, Pace>();
  for (const [key, all] of times) {
    const every = Math.ceil(all.length / SAMPLE);
    const sample = Float64Array.from(
      every === 1 ? all : all.filter((_, index) => index % every === 0)
    ).sort();
    const place = Math.min(sample.length - 1, Math.ceil(sample.length * 0.95) - 1);
    paces.set(key, { p95: sample[place] ?? 0, count: all.length });
  }
  return paces;
}
