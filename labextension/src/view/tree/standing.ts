/** Where rows stand among the tasks that their siblings are. */
import type { TreeReader } from '../../core/reader.js';
import type { Alike, Member } from './alike.js';
import { FOLD_ABOVE } from './arrange.js';
import { familiesOf } from './families.js';
import type { RestRow, Row, Rows } from './rows.js';

export interface Child {
  id: string;
  /** Of many: what it is among its siblings, and where its row, or that of its group, stands. */
  member?: Member;
  unit: number;
}

export interface Standing {
  /** The task whose children it stands among; null at the top. */
  parent: string | null;
  isBelow: (child: Child) => boolean;
}

/** Null where the order of the tasks says it: at a task that isn't one of a long group, or in which something failed. */
export function standingOf(tree: TreeReader, row: Row, rows: Rows): Standing | null {
  switch (row.kind) {
    case 'omitted':
      return { parent: row.parent, isBelow: () => true };
    case 'group':
      return among(
        tree,
        row.alike,
        unit => unit < unitOf(row.alike),
        () => false
      );
    case 'rest':
      return belowShown(tree, row, member => row.shown.includes(member));
    case 'node':
      return ofTask(tree, row.id, rows);
  }
}

function ofTask(tree: TreeReader, id: string, rows: Rows): Standing | null {
  const parent = tree.node(id)?.parent_id ?? null;
  const siblings = parent === null ? tree.roots : tree.children(parent);
  if (tree.rollup(id).failures > 0 || siblings.length <= FOLD_ABOVE) {
    return null;
  }
  const own = familiesOf(tree).of(parent).member(id);
  const rest = own && restOf(rows, own.alike);
  if (!own || !rest) {
    return null;
  }
  const { alike, shown } = rest;
  const rank = shown.indexOf(own);
  if (rank < 0) {
    return belowShown(tree, rest, member => shown.includes(member) || member.place < own.place);
  }
  const before = new Set(shown.slice(0, rank));
  return among(
    tree,
    alike,
    unit => unit < unitOf(alike),
    member => before.has(member)
  );
}

/** What is like nothing else is summed up below the groups. */
function belowShown(tree: TreeReader, { alike }: RestRow, isBelow: (member: Member) => boolean): Standing {
  return among(tree, alike, unit => alike.key === null || unit < unitOf(alike), isBelow);
}

function among(
  tree: TreeReader,
  alike: Alike,
  isBelowUnit: (unit: number) => boolean,
  isBelowMember: (member: Member) => boolean
): Standing {
  return {
    parent: tree.node(alike.members[0]?.id ?? '')?.parent_id ?? null,
    isBelow: ({ member, unit }) => (member?.alike === alike ? isBelowMember(member) : isBelowUnit(unit))
  };
}

/** Of a long group: that of others is above those of many of a kind. */
function unitOf({ key, members }: Alike): number {
  return key === null ? -1 : (members[0]?.index ?? 0);
}

function restOf(rows: Rows, alike: Alike): RestRow | null {
  for (const [, row] of rows.explicit()) {
    if (row.kind === 'rest' && row.alike === alike) {
      return row;
    }
  }
  return null;
}
