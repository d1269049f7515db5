/** What a table shows: the tasks of a group, filtered and in order, and what is known of their columns. */
import type { Query } from '../../core/query.js';
import type { StatusCounts, TreeReader } from '../../core/reader.js';
import type { Work } from '../slices.js';
import { guess, type Better } from '../better.js';
import { bestOf } from './best.js';
import { FIXED, type ColumnName, type Facts, type FactsOf } from './facts.js';
import { NumberColumn, type NumberShape } from './numbers.js';
import { sorted, type Sort } from './order.js';
import { cellText } from './text.js';

export interface Group {
  key: string;
  name: string;
  depth: number;
  count: number;
  /** How many of them have parameters or metrics. */
  reporting: number;
}

/** Stands for all tasks of the run, those with others below them too. */
export const ALL_TASKS = 'all';

/** What is to be shown of which tree. */
export interface Wanted {
  tree: TreeReader;
  roots: readonly string[];
  /** Microseconds since 1970 up to which running tasks are timed. */
  now: number | null;
  /** A group's key, or `ALL_TASKS`; null, and what isn't there: the one that has most to compare. */
  group: string | null;
  query: Query | null;
  sort: Sort | null;
  /** What somebody said about metrics; the others are guessed. */
  better: Readonly<Record<ColumnName, Better>>;
}

/** What its first values tell of a column. */
export interface ColumnFacts {
  name: ColumnName;
  /** Rows that have something there, as far as they were looked at. */
  filled: number;
  isNumeric: boolean;
  /** Of its longest value: of its numbers all are looked at, since none may be cut. */
  length: number;
  /** That its numbers are written with. */
  decimals: number;
}

export interface Picture {
  wanted: Wanted;
  /** The largest first. */
  groups: readonly Group[];
  /** Null: all tasks. */
  group: Group | null;
  /** All tasks there are. */
  all: number;
  rows: readonly Facts[];
  /** Rows before any were filtered out. */
  total: number;
  counts: StatusCounts;
  /** All that there are, in the order of the frame. */
  columns: readonly ColumnFacts[];
  best: ReadonlyMap<ColumnName, number>;
  /** Whether the rows are kept in an order that isn't theirs any more. */
  isOutOfOrder: boolean;
}

/** Values of a column that are looked at: they say what it holds and how wide it has to be. */
const MEASURED = 400;
const STEP = 500;
const FIXED_NAMES: ReadonlySet<ColumnName> = new Set(FIXED);

/**
 * `before`: what is shown, where its rows have to stay where they are: new ones come after them. `matches` remembers what was looked at for the query.
 */
export function* pictureOf(
  wanted: Wanted,
  factsOf: FactsOf,
  matches: WeakMap<Facts, boolean>,
  before: Picture | null
): Work<Picture> {
  const { tree, roots, now, query, sort, better } = wanted;
  const all = yield* factsOf.all(tree, roots);
  const groups = groupsOf(all);
  const group =
    wanted.group === ALL_TASKS ? null : (groups.find(({ key }) => key === wanted.group) ?? mostOf(groups));
  const members = group ? all.filter(facts => groupKey(facts) === group.key) : all;
  const met = yield* columnsOf(members);
  const found: Facts[] = [];
  for (const [at, facts] of members.entries()) {
    if (query) {
      const known = matches.get(facts) ?? query.matches(facts.node);
      matches.set(facts, known);
      if (known) {
        found.push(facts);
      }
    } else {
      found.push(facts);
    }
    if (at % STEP === 0) {
      yield;
    }
  }
  const fresh = sort ? sorted(found, sort, now) : found;
  yield;
  const rows = before ? kept(before.rows, fresh, members) : fresh;
  const best = new Map<ColumnName, number>();
  const counts: StatusCounts = {};
  for (const { node } of rows) {
    counts[node.status] = (counts[node.status] ?? 0) + 1;
  }
  const columns: ColumnFacts[] = [];
  for (const column of met) {
    const { name, isNumeric } = column;
    columns.push(isNumeric && !FIXED_NAMES.has(name) ? { ...column, ...shapeOf(rows, name) } : column);
    const value =
      isNumeric && name.startsWith('metrics.') ? bestOf(rows, name, better[name] ?? guess(name)) : null;
    if (value !== null) {
      best.set(name, value);
    }
    yield;
  }
  return {
    wanted,
    groups,
    group,
    all: all.length,
    rows,
    total: members.length,
    counts,
    columns,
    best,
    isOutOfOrder: rows.length !== fresh.length || rows.some((facts, at) => facts.id !== fresh[at]?.id)
  };
}

/** Tasks of one kind that are equally deep, whatever they are below; the same in every run. */
function groupKey({ kind, depth }: Facts): string {
  return `${depth}:${kind.key}`;
}

function groupsOf(all: readonly Facts[]): Group[] {
  const groups = new Map<string, Group>();
  for (const facts of all) {
    const { kind, depth, node } = facts;
    const key = groupKey(facts);
    let group = groups.get(key);
    if (!group) {
      group = { key, name: kind.label, depth, count: 0, reporting: 0 };
      groups.set(key, group);
    }
    group.count += 1;
    group.reporting += node.params || node.metrics ? 1 : 0;
  }
  return [...groups.values()].filter(({ count }) => count > 1).sort((a, b) => b.count - a.count);
}

/** The largest of those that have something to compare, if any has. */
function mostOf(groups: readonly Group[]): Group | null {
  return groups.find(({ reporting }) => reporting > 0) ?? groups[0] ?? null;
}

function kept(before: readonly Facts[], fresh: readonly Facts[], members: readonly Facts[]): Facts[] {
  const now = new Map(members.map(facts => [facts.id, facts]));
  const shown = new Set(before.map(({ id }) => id));
  return [...before.map(facts => now.get(facts.id) ?? facts), ...fresh.filter(({ id }) => !shown.has(id))];
}

function* columnsOf(rows: readonly Facts[]): Work<ColumnFacts[]> {
  const fixed = new Map<ColumnName, ColumnFacts>(FIXED.map(name => [name, emptyColumn(name)]));
  const fields = new Map<ColumnName, ColumnFacts>();
  for (const [at, facts] of rows.entries()) {
    for (const [name, column] of fixed) {
      if (column.filled < MEASURED) {
        look(column, facts.value(name));
      }
    }
    for (const [name, value] of facts.fields) {
      let column = fields.get(name);
      if (!column) {
        column = emptyColumn(name);
        fields.set(name, column);
      }
      if (column.filled < MEASURED) {
        look(column, value);
      }
    }
    if (at % STEP === 0) {
      yield;
    }
  }
  const isMetric = ({ name }: ColumnFacts) => name.startsWith('metrics.');
  const met = [...fields.values()];
  return [...fixed.values(), ...met.filter(each => !isMetric(each)), ...met.filter(isMetric)];
}

function emptyColumn(name: ColumnName): ColumnFacts {
  return { name, filled: 0, isNumeric: true, length: 0, decimals: 0 };
}

function shapeOf(rows: readonly Facts[], name: ColumnName): NumberShape {
  const numbers = new NumberColumn();
  for (const facts of rows) {
    const value = facts.value(name);
    if (typeof value === 'number') {
      numbers.add(value);
    }
  }
  return numbers.shape;
}

function look(column: ColumnFacts, value: unknown): void {
  if (value === undefined || value === null || (column.name === 'attempt' && value === 1)) {
    return;
  }
  column.filled += 1;
  column.isNumeric &&= typeof value === 'number';
  column.length = Math.max(column.length, cellText(column.name, value).length);
}
