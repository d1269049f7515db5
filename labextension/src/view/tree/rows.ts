/** The visible rows of a tree: what is open, in order, with long groups summed up. */
import type { Status, StatusCounts, TreeReader } from '../../core/reader.js';
import { isEnded } from '../../core/status.js';
import type { Expansion } from './expansion.js';

/** A group of more children than this shows `SHOWN` of them and sums up the rest. */
export const FOLD_ABOVE = 16;
// With the row of the rest and that of the parent as many rows as before: when a group gets long, nothing shrinks.
const SHOWN = 14;
const SHOWN_FAILED = 7;

interface Place {
  /** Unique among the rows, and stays the row's own while the tree changes. */
  key: string;
  level: number;
  /** Place among its siblings, from 1. */
  position: number;
  siblings: number;
}

export interface NodeRow extends Place {
  kind: 'node';
  id: string;
  /** Null where there is nothing to open. */
  open: boolean | null;
  children: number;
}

/** The children that a long group doesn't show by itself. */
export interface RestRow extends Place {
  kind: 'rest';
  open: boolean;
  count: number;
  counts: StatusCounts;
}

/** Children that aren't in a stored tree. */
export interface OmittedRow extends Place {
  kind: 'omitted';
  count: number;
  counts: StatusCounts;
}

export type Row = NodeRow | RestRow | OmittedRow;

interface Split {
  shown: readonly string[];
  rest: readonly string[];
  counts: StatusCounts;
}

/**
 * What a long group shows: the last failed ones, what runs, then what ended last or comes next; in the order of the siblings, and always
 * the same number, so that rows don't jump about.
 */
export function splitChildren(
  tree: TreeReader,
  children: readonly string[],
  keep: ReadonlySet<string>
): Split {
  if (children.length <= FOLD_ABOVE) {
    return { shown: children, rest: [], counts: {} };
  }
  const byNeed: Record<'failed' | 'running' | 'ended' | 'next', string[]> = {
    failed: [],
    running: [],
    ended: [],
    next: []
  };
  const chosen = new Set<string>();
  const counts: Partial<Record<Status, number>> = {};
  for (const id of children) {
    const status = tree.node(id)?.status ?? 'draft';
    counts[status] = (counts[status] ?? 0) + 1;
    if (keep.has(id)) {
      chosen.add(id);
    } else if (status === 'failed') {
      byNeed.failed.push(id);
    } else if (status === 'running' || status === 'review') {
      byNeed.running.push(id);
    } else {
      byNeed[isEnded(status) ? 'ended' : 'next'].push(id);
    }
  }
  const room = () => Math.max(0, SHOWN - chosen.size);
  const take = (ids: readonly string[]) => ids.forEach(id => chosen.add(id));
  take(last(byNeed.failed, Math.min(room(), SHOWN_FAILED)));
  take(byNeed.running.slice(0, room()));
  take(last(byNeed.ended, room()));
  take(byNeed.next.slice(0, room()));
  const shown: string[] = [];
  const rest: string[] = [];
  for (const id of children) {
    if (!chosen.has(id)) {
      rest.push(id);
      continue;
    }
    shown.push(id);
    const status = tree.node(id)?.status ?? 'draft';
    counts[status] = (counts[status] ?? 0) - 1;
  }
  return { shown, rest, counts };
}

function last<T>(items: readonly T[], n: number): readonly T[] {
  return n > 0 ? items.slice(-n) : [];
}

const NOBODY: ReadonlySet<string> = new Set();

/** `keep`: rows that stay in sight whatever their status, since somebody is on them. */
export function visibleRows(
  tree: TreeReader,
  roots: readonly string[],
  expansion: Expansion,
  keep: ReadonlySet<string> = new Set(),
  withOmittedRoots = false
): Row[] {
  const rows: Row[] = [];
  const onPath = new Set<string>();
  const held = aboveAll(tree, keep);

  const addNode = (id: string, level: number, position: number, siblings: number): void => {
    if (onPath.has(id) || !tree.node(id)) {
      return;
    }
    const children = tree.children(id).length;
    const hasMore = children > 0 || tree.omitted(id) !== null;
    const isHeld = held.has(id) || (level === 1 && siblings === 1);
    const open = hasMore ? expansion.isOpen(tree, id, isHeld, rows.length) : null;
    rows.push({ kind: 'node', key: id, id, level, position, siblings, open, children });
    if (open) {
      onPath.add(id);
      addChildren(id, tree.children(id), level + 1);
      onPath.delete(id);
    }
  };

  const addChildren = (parent: string | null, children: readonly string[], level: number): void => {
    // No id holds a control character, so that this is no node's key.
    const key = `\u0000rest:${parent ?? ''}`;
    const open = expansion.isChosen(key);
    // What is in an opened group is in sight there: taken out when somebody comes to it, it would slip away from under the pointer.
    const { shown, rest, counts } = splitChildren(tree, children, open ? NOBODY : keep);
    const omitted = tree.omitted(parent);
    const siblings = shown.length + (rest.length > 0 ? 1 : 0) + (omitted ? 1 : 0);
    shown.forEach((id, index) => addNode(id, level, index + 1, siblings));
    if (rest.length > 0) {
      const position = shown.length + 1;
      rows.push({ kind: 'rest', key, level, position, siblings, open, count: rest.length, counts });
      if (open) {
        rest.forEach((id, index) => addNode(id, level + 1, index + 1, rest.length));
      }
    }
    if (omitted) {
      const key = `\u0000omitted:${parent ?? ''}`;
      rows.push({ kind: 'omitted', key, level, position: siblings, siblings, ...omitted });
    }
  };

  if (withOmittedRoots) {
    addChildren(null, roots, 1);
  } else {
    roots.forEach((id, index) => addNode(id, 1, index + 1, roots.length));
  }
  return rows;
}

/** Everything above the given rows. */
function aboveAll(tree: TreeReader, ids: ReadonlySet<string>): ReadonlySet<string> {
  const above = new Set<string>();
  for (const id of ids) {
    let parent = tree.node(id)?.parent_id;
    while (parent !== undefined && !above.has(parent)) {
      above.add(parent);
      parent = tree.node(parent)?.parent_id;
    }
  }
  return above;
}

/** Rows between the row and what it hangs below; -1 for a row at the top. */
export function parentIndex(rows: readonly Row[], index: number): number {
  const level = rows[index]?.level ?? 1;
  for (let i = index - 1; i >= 0; i -= 1) {
    if ((rows[i]?.level ?? 1) < level) {
      return i;
    }
  }
  return -1;
}

/** The rows right below the one at `parent`; those at the top for -1. */
export function childRows(rows: readonly Row[], parent: number): Row[] {
  const level = (rows[parent]?.level ?? 0) + 1;
  const children: Row[] = [];
  for (const row of rows.slice(parent + 1)) {
    if (row.level < level) {
      break;
    }
    if (row.level === level) {
      children.push(row);
    }
  }
  return children;
}

export function canOpen(row: Row): row is NodeRow | RestRow {
  return row.kind === 'rest' || (row.kind === 'node' && row.open !== null);
}
