/** What was reported of agents, who of them belongs to a run, and who is silent. */
import { rootOf } from './above.js';
import { costIn, sumOf, type Cost } from './cost.js';
import { isObject, type JsonObject } from './json.js';
import type { TreeNode, TreeReader } from './reader.js';
import { numberOf } from './series.js';
import { isEnded } from './status.js';
import { parseTime } from './times.js';

export interface Spent extends Cost {
  input: number;
  output: number;
  tokens: number;
}

export interface Report {
  /** What was reported of it last, as it was. */
  said: JsonObject;
  /** Its state in its own words. */
  state: string | null;
  /** What it was said to do. */
  doing: string | null;
  /** Its last sign of life; microseconds since 1970, like all times here. */
  heardAt: number | null;
  /** After how long without one it is silent; null: it owes none. */
  silentAfter: number | null;
  /** By all its sources together; null where none reported any. */
  spent: Spent | null;
}

const SECOND = 1_000_000;
/** So many of the intervals that an agent promises may go by. */
const MISSED = 3;
/** Of one that promises nothing but is said to work. */
const SILENT_AFTER = 120 * SECOND;
const RESTING: ReadonlySet<string> = new Set([
  ...['idle', 'stopped', 'done', 'finished', 'completed', 'failed', 'cancelled', 'offline', 'exited'],
  ...['terminated', 'ended']
]);

const HEARTBEATS = ['last_heartbeat', 'heartbeat_at', 'last_seen', 'heartbeat'];
const INTERVALS = ['heartbeat_interval', 'heartbeat_every'];
const STATES = ['status', 'state'];
const DOINGS = ['task', 'current_task', 'doing', 'activity'];
const INPUTS = ['input_tokens', 'prompt_tokens', 'tokens_in'];
const OUTPUTS = ['output_tokens', 'completion_tokens', 'tokens_out'];
const TOTALS = ['tokens', 'total_tokens'];

/** `now`: up to when the server was heard; null: unknown. Who can't be heard because we can't isn't silent. */
export function isSilent(
  { heardAt, silentAfter }: Pick<Report, 'heardAt' | 'silentAfter'>,
  now: number | null
): boolean {
  return now !== null && silentAfter !== null && heardAt !== null && now - heardAt > silentAfter;
}

/** A sign of life by one of an agent's own tasks, as far as the task itself tells. */
export function signOfLife(node: TreeNode): number | null {
  const { started_at, ended_at, log } = node;
  return latest(parseTime(started_at), latest(parseTime(ended_at), parseTime(log?.last.timestamp)));
}

/**
 * What was reported of the agents of these runs, by name. Each source replaces its own words and nobody else's: the last word of all of them says
 * how an agent is, and what they say that it has spent is added up.
 */
export function reportsOf(tree: TreeReader, roots: readonly string[]): Map<string, Report> {
  const reports = new Map<string, Report>();
  const told = [...sourcesOf(tree, roots)].sort((one, other) => (one.at ?? 0) - (other.at ?? 0));
  const isQuiet = told.length > 0 && roots.length > 0 && !roots.some(id => goesOn(tree, id));
  for (const { source, agents, at } of told) {
    const isStopped = isQuiet || tree.orchestrators?.get(source)?.status === 'stopped';
    for (const [name, said] of agents) {
      const before = reports.get(name);
      const state = textOf(said, STATES);
      const promised = numberIn(said, INTERVALS);
      const isResting = isStopped || (state !== null && RESTING.has(state.toLowerCase()));
      const spent = spentOf(said);
      reports.set(name, {
        ...{ said, state, doing: textOf(said, DOINGS) },
        heardAt: latest(before?.heardAt ?? null, heartbeatOf(said) ?? at),
        silentAfter: isResting ? null : promised !== null ? promised * MISSED * SECOND : SILENT_AFTER,
        spent: spent && before?.spent ? sum(before.spent, spent) : (spent ?? before?.spent ?? null)
      });
    }
  }
  // What happened to their tasks is told by events that the tree needn't keep.
  for (const [name, report] of reports) {
    report.heardAt = latest(report.heardAt, tree.pulses?.get(name) ?? null);
  }
  return reports;
}

/** Whether anybody was reported to be at work in these runs. */
export function hasReports(tree: TreeReader, roots: readonly string[]): boolean {
  for (const { agents } of sourcesOf(tree, roots)) {
    if (agents.length > 0) {
      return true;
    }
  }
  return false;
}

interface Told {
  source: string;
  agents: (readonly [name: string, said: JsonObject])[];
  at: number | null;
}

/** An old log may hold what no server takes any more: what has another shape tells nothing. */
function* sourcesOf(tree: TreeReader, roots: readonly string[]): Generator<Told> {
  const runs = tree.agents?.size ? [...new Set(roots.map(id => rootOf(tree, id)))] : [];
  for (const [source, told] of (tree.agents ?? []) as Iterable<[string, unknown]>) {
    const { agents, timestamp } = isObject(told) ? told : {};
    const at = parseTime(timestamp);
    if (isObject(agents) && (tree.roots.length === 0 || runs.some(run => isOf(tree, run, at)))) {
      const each = Object.entries(agents).filter((entry): entry is [string, JsonObject] =>
        isObject(entry[1])
      );
      yield { source, agents: each, at };
    }
  }
}

/** A report is of the runs that went on when it came; where none did, of the one that had begun last, or else of the first. */
function isOf(tree: TreeReader, run: string, at: number | null): boolean {
  const place = tree.roots.indexOf(run);
  const next = tree.roots[place + 1];
  if (at === null) {
    return next === undefined;
  }
  if (at < beganAt(tree, run)) {
    return place === 0;
  }
  return !isEnded(tree.node(run)?.status ?? 'draft') || at <= (tree.span(run).endedAt ?? Infinity)
    ? true
    : next === undefined || at < beganAt(tree, next);
}

function beganAt(tree: TreeReader, run: string): number {
  const { startedAt } = tree.span(run);
  return Math.min(parseTime(tree.node(run)?.created_at) ?? Infinity, startedAt ?? Infinity);
}

function goesOn(tree: TreeReader, id: string): boolean {
  const { running = 0, review = 0 } = tree.rollup(id).counts;
  return running + review > 0 || tree.node(id)?.status === 'running';
}

export function spentOf(fields: Record<string, unknown> | undefined): Spent | null {
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

export function sum(one: Spent | null, other: Spent): Spent {
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

/** RFC 3339, or seconds, milliseconds or microseconds since 1970: which one is told by their size. */
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

export function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}
