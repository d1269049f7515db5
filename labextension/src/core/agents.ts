/** Who works on what: agents as they are reported, and as tasks name them. */
import type { TreeNode, TreeReader } from './reader.js';
import {
  hasReports,
  latest,
  reportsOf,
  signOfLife,
  spentOf,
  sum,
  type Report,
  type Spent
} from './reports.js';
import { parseTime } from './times.js';

/** Null where nothing was reported: of one that only tasks name. */
export interface AgentRow extends Omit<Report, 'said'> {
  name: string;
  said: Report['said'] | null;
  /** The task of its own that began last and still runs. */
  current: string | null;
  running: number;
  completed: number;
  failed: number;
  /** Since when it does what it does. */
  since: number | null;
}

/** Goes through the tasks a little at each `next`; the answer is the generator's return value, by name. */
export function* surveyed(
  tree: TreeReader,
  roots: readonly string[]
): Generator<undefined, AgentRow[], undefined> {
  const rows = new Map<string, AgentRow>();
  const rowOf = (name: string) => {
    let row = rows.get(name);
    if (!row) {
      row = emptyRow(name);
      rows.set(name, row);
    }
    return row;
  };
  for (const [name, report] of reportsOf(tree, roots)) {
    Object.assign(rowOf(name), report);
  }
  const own = new Set([...rows.values()].filter(({ spent }) => spent !== null).map(({ name }) => name));
  const began = new Map<string, number>();
  // Of a task that reported what it spent, what those below it did is part of that.
  const stack: { id: string; isCounted: boolean }[] = [...roots].map(id => ({ id, isCounted: false }));
  for (let at = stack.pop(), seen = 1; at !== undefined; at = stack.pop(), seen++) {
    const node = tree.node(at.id);
    if (node?.agent) {
      const row = rowOf(node.agent);
      count(row, node, began);
      const spent = at.isCounted ? null : spentOf(node.metrics);
      if (spent) {
        at.isCounted = true;
        // What an agent says of itself is more than what tasks can know.
        row.spent = own.has(node.agent) ? row.spent : sum(row.spent, spent);
      }
    }
    for (const id of tree.children(at.id)) {
      stack.push({ id, isCounted: at.isCounted });
    }
    if (seen % 500 === 0) {
      yield;
    }
  }
  for (const row of rows.values()) {
    row.heardAt = latest(row.heardAt, tree.pulses?.get(row.name) ?? null);
    row.since = row.current === null ? row.since : (began.get(row.name) ?? null);
  }
  return [...rows.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** What all of them spent together; null where nobody reported any. */
export function spentByAll(rows: readonly AgentRow[]): Spent | null {
  return rows.reduce<Spent | null>((all, { spent }) => (spent ? sum(all, spent) : all), null);
}

function count(row: AgentRow, node: TreeNode, began: Map<string, number>): void {
  const started = parseTime(node.started_at);
  switch (node.status) {
    case 'running':
    case 'review':
      row.running += 1;
      if (row.current === null || (started ?? 0) >= (began.get(row.name) ?? 0)) {
        row.current = node.node_id;
        if (started !== null) {
          began.set(row.name, started);
        }
      }
      break;
    case 'completed':
      row.completed += 1;
      break;
    case 'failed':
      row.failed += 1;
      break;
    default:
      break;
  }
  row.heardAt = latest(row.heardAt, signOfLife(node));
}

function emptyRow(name: string): AgentRow {
  return {
    ...{ name, said: null, state: null, doing: null, current: null, running: 0, completed: 0, failed: 0 },
    ...{ since: null, heardAt: null, silentAfter: null, spent: null }
  };
}

interface Sight {
  isFound: boolean;
  stack: string[];
  /** When it was begun again, by the number of questions. */
  asked: number;
}

const sights = new WeakMap<TreeReader, Map<string, Sight>>();
/** So many tasks are looked at for one answer, and so many answers are given before all is looked at again. */
const GLANCE = 20_000;
const AGAIN = 50;

/**
 * Whether anybody is at work under a name in these runs, by their tasks or by what was reported of them. Asked at every drawing: of a large tree a part is
 * looked at each time, and one that had none is looked at again only now and then.
 */
export function hasAgents(tree: TreeReader, roots: readonly string[]): boolean {
  if (hasReports(tree, roots)) {
    return true;
  }
  const known = sights.get(tree) ?? new Map<string, Sight>();
  sights.set(tree, known);
  const key = `${roots.length} ${roots[0] ?? ''}`;
  const sight = known.get(key) ?? { isFound: false, stack: [...roots], asked: 0 };
  known.set(key, sight);
  if (sight.isFound) {
    return true;
  }
  if (sight.stack.length === 0 && ++sight.asked >= AGAIN) {
    sight.stack = [...roots];
    sight.asked = 0;
  }
  for (let looked = 0; looked < GLANCE; looked++) {
    const id = sight.stack.pop();
    if (id === undefined) {
      return false;
    }
    if (tree.node(id)?.agent) {
      sight.isFound = true;
      return true;
    }
    for (const child of tree.children(id)) {
      sight.stack.push(child);
    }
  }
  return false;
}
