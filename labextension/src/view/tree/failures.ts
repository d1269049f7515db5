/** From one failure to the next. */
import type { TreeReader } from '../../core/reader.js';
import type { Member } from './alike.js';
import { FOLD_ABOVE } from './arrange.js';
import { familiesOf } from './families.js';
import type { Rows } from './rows.js';
import { standingOf, type Child } from './standing.js';

/**
 * The failure below the row at `index` (or above it), in the order of the rows; after the last one comes the first. Null where nothing failed. Where a group
 * failed because something in it did, it is the one in it. `isShown`: others are passed over, and the rows stand without groups.
 */
export function nextFailure(
  tree: TreeReader,
  roots: readonly string[],
  rows: Rows,
  index: number,
  backwards: boolean,
  isShown?: (id: string) => boolean
): string | null {
  const failures: string[] = [];
  let passed = 0;
  const row = rows.at(index);
  const standing = row ? standingOf(tree, row, rows) : null;
  const from = standing ? standing.parent : row?.kind === 'node' ? row.id : null;
  const isAbove = pathOf(tree, from);

  const walk = (id: string): void => {
    const children = tree.children(id);
    const isWithin = isAbove.has(id);
    const { failures: below } = children.length > 0 ? tree.rollup(id) : { failures: 0 };
    const isFailure =
      tree.node(id)?.status === 'failed' &&
      (children.length === 0 || isOwn(tree, id, below)) &&
      (isShown?.(id) ?? true);
    if (isFailure) {
      failures.push(id);
    }
    if (id === from) {
      passed = failures.length;
    }
    if (below > 0 || isWithin) {
      walkAll(id, children, below);
    }
  };
  const walkAll = (id: string | null, children: readonly string[], below: number): void => {
    let isPast = standing?.parent !== id;
    for (const child of inOrder(tree, id, children, below, isAbove, isShown === undefined)) {
      const before = failures.length;
      walk(child.id);
      if (!isPast && standing?.isBelow(child)) {
        passed = failures.length;
      } else if (failures.length > before) {
        isPast = true;
      }
    }
  };
  walkAll(
    null,
    roots,
    roots.reduce((sum, id) => sum + tree.rollup(id).failures, 0)
  );
  const found = failures.length;
  if (found === 0) {
    return null;
  }
  const isOnOne = passed > 0 && !standing && failures[passed - 1] === from;
  const next = backwards ? passed - (isOnOne ? 2 : 1) : passed;
  return failures[(next + found) % found] ?? null;
}

/** A group's failure is its own where none below it failed: then it counts for one. */
function isOwn(tree: TreeReader, id: string, failures: number): boolean {
  return failures === 1 && !tree.children(id).some(child => tree.rollup(child).failures > 0);
}

function pathOf(tree: TreeReader, id: string | null): ReadonlySet<string> {
  const path = new Set<string>();
  for (let up = id ?? undefined; up !== undefined && !path.has(up); up = tree.node(up)?.parent_id) {
    path.add(up);
  }
  return path;
}

/**
 * The children of a node (or the roots), as their rows stand: each group in one piece, where there are groups. Of many only those that matter, where it is known which
 * those are: as many failed as there are failures, so there is none below the others.
 */
function inOrder(
  tree: TreeReader,
  parent: string | null,
  children: readonly string[],
  failures: number,
  path: ReadonlySet<string>,
  inGroups: boolean
): readonly Child[] {
  if (children.length <= FOLD_ABOVE) {
    return children.map((id, unit) => ({ id, unit }));
  }
  const family = familiesOf(tree).of(parent);
  const groups = [family.others, ...family.kinds.values()];
  const isSimple = groups.reduce((sum, { counts }) => sum + counts.failed, 0) === failures;
  const all = groups.flatMap(group => (isSimple ? [...group.failedOnes] : group.members));
  const within = isSimple ? [...path].map(each => family.member(each)) : [];
  const members = [...new Set([...all, ...within.filter(member => member !== undefined)])];
  const isOneByOne = family.others.members.length <= FOLD_ABOVE;
  const unitOf = ({ alike, index }: Member) => {
    if (!inGroups) {
      return index;
    }
    // Where others are many, some of them stand above the groups.
    return alike !== family.others ? (alike.members[0]?.index ?? 0) : isOneByOne ? index : -1;
  };
  return members
    .sort((one, other) => unitOf(one) - unitOf(other) || one.place - other.place)
    .map(member => ({ id: member.id, member, unit: unitOf(member) }));
}
