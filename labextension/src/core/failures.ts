/** Failures that are alike, as one. */
import { kindOfNode } from './kind.js';
import type { TreeNode, TreeReader } from './reader.js';
import { signatureOf } from './signature.js';
import { parseTime } from './times.js';
import type { Place } from './traceback.js';

export interface FailureGroup {
  /** The same for the same failures, however many there are. */
  key: string;
  /** What happened, with `…` where the messages differ; empty where nothing was said. */
  text: string;
  frame: Place | null;
  /** In the order in which they failed. */
  ids: readonly string[];
  firstAt: number | null;
  lastAt: number | null;
  /** What all of them have in common: parameters by name, and the agent under "". */
  common: ReadonlyMap<string, string>;
  /** Parameters that any of them has, by name, and "" where one has an agent. */
  named: ReadonlySet<string>;
}

/** Something that all failures of a group share, and that what went well mostly doesn't. */
export interface Trait {
  /** Of the parameter; empty for the agent. */
  name: string;
  /** Null: they have none, while others do. */
  value: string | null;
}

const STEP = 64;
/** Siblings that are asked whether something in common tells anything; fewer than that tell nothing. */
const ASKED = 256;
const ASKED_AT_LEAST = 5;
/** What is in common tells something where chance would rarely have it so. */
const RARELY = 0.05;

interface Growing {
  key: string;
  text: string;
  folded: string;
  frame: Place | null;
  found: { id: string; at: number | null }[];
  common: Map<string, string> | null;
  named: Set<string>;
}

/** `ids`: where failures began (`Survey.failed`). In the order of the first of each in the tree; a step at a time, as `survey`. */
export function* groupFailures(
  tree: TreeReader,
  ids: readonly string[]
): Generator<undefined, FailureGroup[], undefined> {
  const groups = new Map<string, Growing>();
  let looked = 0;
  for (const id of ids) {
    looked++;
    if (looked % STEP === 0) {
      yield;
    }
    const node = tree.node(id);
    if (node?.status !== 'failed') {
      continue;
    }
    const { key, text, folded, frame } = signatureOf(node);
    let group = groups.get(key);
    if (!group) {
      group = { key, text, folded, frame, found: [], common: null, named: new Set() };
      groups.set(key, group);
    } else if (group.text !== text) {
      group.text = group.folded;
    }
    group.found.push({ id, at: parseTime(node.ended_at) });
    const traits = traitsOf(node);
    group.common = inCommon(group.common, traits);
    for (const name of traits.keys()) {
      group.named.add(name);
    }
  }
  return [...groups.values()].map(({ key, text, frame, found, common, named }) => {
    // Those that say no time stay in the tree's order.
    const sorted = found.every(({ at }) => at !== null)
      ? found.sort((a, b) => (a.at as number) - (b.at as number))
      : found;
    return {
      key,
      text,
      frame,
      ids: sorted.map(({ id }) => id),
      firstAt: sorted[0]?.at ?? null,
      lastAt: sorted[sorted.length - 1]?.at ?? null,
      common: common ?? new Map<string, string>(),
      named
    };
  });
}

function traitsOf(node: TreeNode): Map<string, string> {
  const traits = new Map<string, string>();
  if (node.agent !== undefined) {
    traits.set('', node.agent);
  }
  for (const [name, value] of Object.entries(node.params ?? {})) {
    if (name !== '') {
      traits.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
  return traits;
}

function inCommon(common: Map<string, string> | null, own: Map<string, string>): Map<string, string> {
  if (!common) {
    return new Map(own);
  }
  for (const [name, value] of common) {
    if (own.get(name) !== value) {
      common.delete(name);
    }
  }
  return common;
}

/**
 * Of what a group has in common, what tells something: hardly any of those like them that completed have it. One failure alone has everything
 * in common with itself. Most telling first.
 */
export function tellingOf(tree: TreeReader, group: FailureGroup): Trait[] {
  const failed = tree.node(group.ids[0] as string);
  if (group.ids.length < 2 || failed?.parent_id === undefined) {
    return [];
  }
  const siblings = tree.children(failed.parent_id);
  const { key } = kindOfNode(failed);
  const every = Math.max(1, Math.floor(siblings.length / ASKED));
  const having = new Map([...group.common.keys()].map(name => [name, 0]));
  const lacking = new Map<string, number>();
  let asked = 0;
  for (let index = 0; index < siblings.length; index += every) {
    const other = tree.node(siblings[index] as string);
    if (other?.status !== 'completed' || kindOfNode(other).key !== key) {
      continue;
    }
    asked++;
    for (const [name, value] of traitsOf(other)) {
      if (group.common.get(name) === value) {
        having.set(name, (having.get(name) ?? 0) + 1);
      } else if (!group.named.has(name)) {
        lacking.set(name, (lacking.get(name) ?? 0) + 1);
      }
    }
  }
  if (asked < ASKED_AT_LEAST) {
    return [];
  }
  const traits: (Trait & { share: number })[] = [
    ...[...having].map(([name, n]) => ({ name, value: group.common.get(name) ?? null, share: n / asked })),
    ...[...lacking].map(([name, n]) => ({ name, value: null, share: 1 - n / asked }))
  ];
  return traits
    .filter(({ share }) => share ** (group.ids.length - 1) <= RARELY)
    .sort((a, b) => a.share - b.share)
    .map(({ name, value }) => ({ name, value }));
}

export type FailureOrder = 'count' | 'newest';

export function sortGroups(groups: readonly FailureGroup[], order: FailureOrder): FailureGroup[] {
  const newest = (a: FailureGroup, b: FailureGroup) => (b.lastAt ?? 0) - (a.lastAt ?? 0);
  return [...groups].sort(
    order === 'newest' ? newest : (a, b) => b.ids.length - a.ids.length || newest(a, b)
  );
}
