/** Who works on what: agents as they are reported, and as tasks name them. */
import { costIn, sumOf, type Cost } from './cost.js';
import type { JsonObject } from './json.js';
import { numberOf } from './series.js';
import type { TreeNode, TreeReader } from './reader.js';
import { parseTime } from './times.js';

export interface Spent extends Cost {
  input: number;
  output: number;
  tokens: number;
}

export interface AgentRow {
  name: string;
  /** What was reported of it last, as it was; null for one that only tasks name. */
  said: JsonObject | null;
  /** Its state in its own words. */
  state: string | null;
  /** What it was said to do. */
  doing: string | null;
  /** The task of its own that began last and still runs. */
  current: string | null;
  running: number;
  completed: number;
  failed: number;
  /** Since when it does what it does; microseconds since 1970, like all times here. */
  since: number | null;
  /** Its last sign of life. */
  heardAt: number | null;
  /** After how long without one it is silent; null: it owes none. */
  silentAfter: number | null;
  /** Null where nobody reported any. */
  spent: Spent | null;
}

const SECOND = 1_000_000;
/** So many of the intervals that an agent promises may go by. */
const MISSED = 3;
/** Of one that promises nothing but is said to work. */
const SILENT_AFTER = 120 * SECOND;
const RESTING: ReadonlySet<string> = new Set([
  ...['idle', 'stopped', 'done', 'finished', 'completed', 'failed', 'offline', 'exited', 'terminated']
]);

const HEARTBEATS = ['last_heartbeat', 'heartbeat_at', 'last_seen', 'heartbeat'];
const INTERVALS = ['heartbeat_interval', 'heartbeat_every'];
const STATES = ['status', 'state'];
const DOINGS = ['task', 'current_task', 'doing', 'activity'];
const INPUTS = ['input_tokens', 'prompt_tokens', 'tokens_in'];
const OUTPUTS = ['output_tokens', 'completion_tokens', 'tokens_out'];
const TOTALS = ['tokens', 'total_tokens'];

/** Goes through the tasks a little at each `next`; the answer is the generator's return value, by name. */
export function* surveyed(
  tree: TreeReader,
  roots: readonly string[],
  pulses: ReadonlyMap<string, number> = new Map()
): Generator<undefined, AgentRow[]> {
  const rows = new Map<string, AgentRow>();
  const rowOf = (name: string) => {
    let row = rows.get(name);
    if (!row) {
      row = emptyRow(name);
      rows.set(name, row);
    }
    return row;
  };
  reported(tree, rowOf);
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
    row.heardAt = latest(row.heardAt, pulses.get(row.name) ?? null);
    row.since = row.current === null ? row.since : (began.get(row.name) ?? null);
  }
  return [...rows.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

/** What all of them spent together; null where nobody reported any. */
export function spentByAll(rows: readonly AgentRow[]): Spent | null {
  return rows.reduce<Spent | null>((all, { spent }) => (spent ? sum(all, spent) : all), null);
}

/** `now`: up to when the server was heard; null: unknown. Who can't be heard because we can't isn't silent. */
export function isSilent(row: AgentRow, now: number | null): boolean {
  return (
    now !== null && row.silentAfter !== null && row.heardAt !== null && now - row.heardAt > row.silentAfter
  );
}

function reported(tree: TreeReader, rowOf: (name: string) => AgentRow): void {
  for (const [source, { agents, timestamp }] of tree.agents ?? []) {
    const isStopped = tree.orchestrators?.get(source)?.status === 'stopped';
    for (const [name, agent] of Object.entries(agents)) {
      const row = rowOf(name);
      const state = textOf(agent, STATES);
      const promised = numberIn(agent, INTERVALS);
      const isResting = isStopped || (state !== null && RESTING.has(state.toLowerCase()));
      row.said = agent;
      row.state = state;
      row.doing = textOf(agent, DOINGS);
      row.heardAt = latest(row.heardAt, heartbeatOf(agent) ?? parseTime(timestamp));
      row.silentAfter = isResting ? null : promised !== null ? promised * MISSED * SECOND : SILENT_AFTER;
      row.spent = spentOf(agent);
    }
  }
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
  const last = latest(started, latest(parseTime(node.ended_at), parseTime(node.log?.last.timestamp)));
  row.heardAt = latest(row.heardAt, last);
}

function emptyRow(name: string): AgentRow {
  return {
    ...{ name, said: null, state: null, doing: null, current: null, running: 0, completed: 0, failed: 0 },
    ...{ since: null, heardAt: null, silentAfter: null, spent: null }
  };
}

function spentOf(fields: Record<string, unknown> | undefined): Spent | null {
  if (!fields) {
    return null;
  }
  const [input, output] = [numberIn(fields, INPUTS), numberIn(fields, OUTPUTS)];
  const [total, cost] = [numberIn(fields, TOTALS), costIn(fields)];
  return input === null && output === null && total === null && cost === null
    ? null
    : {
        input: input ?? 0,
        output: output ?? 0,
        tokens: total ?? (input ?? 0) + (output ?? 0),
        ...(cost ?? { cost: 0, currency: null })
      };
}

function sum(one: Spent | null, other: Spent): Spent {
  return {
    input: (one?.input ?? 0) + other.input,
    output: (one?.output ?? 0) + other.output,
    tokens: (one?.tokens ?? 0) + other.tokens,
    ...sumOf(one, other)
  };
}

function numberIn(fields: Record<string, unknown>, names: readonly string[]): number | null {
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? numberOf(fields[name]) : NaN;
    if (Number.isFinite(value) && value >= 0) {
      return value;
    }
  }
  return null;
}

function textOf(fields: JsonObject, names: readonly string[]): string | null {
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === 'string' && value !== '') {
      return value;
    }
  }
  return null;
}

/** RFC 3339, or seconds or milliseconds since 1970: which one is told by their size. */
function heartbeatOf(fields: JsonObject): number | null {
  for (const name of HEARTBEATS) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === 'number' && value > 1e8) {
      return value < 1e11 ? value * SECOND : value < 1e14 ? value * 1000 : value;
    }
    const time = parseTime(value);
    if (time !== null) {
      return time;
    }
  }
  return null;
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
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
 * Whether anybody is at work under a name, in these runs or as an orchestrator reports. Asked at every drawing: of a large tree a part is
 * looked at each time, and one that had none is looked at again only now and then.
 */
export function hasAgents(tree: TreeReader, roots: readonly string[]): boolean {
  for (const { agents } of tree.agents?.values() ?? []) {
    if (Object.keys(agents).length > 0) {
      return true;
    }
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
