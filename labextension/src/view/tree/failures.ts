/** From one failure to the next. */
import type { TreeReader } from '../../core/reader.js';
import { FOLD_ABOVE } from './arrange.js';
import { familiesOf } from './families.js';

/**
 * The failure after the task `from` (or before it), in the order of the rows; after the last one comes the first. Null where nothing failed. Where a group
 * failed because something in it did, it is the one in it. `isShown`: others are passed over.
 */
export function nextFailure(
  tree: TreeReader,
  roots: readonly string[],
  from: string | null,
  backwards: boolean,
  isShown: (id: string) => boolean = () => true
): string | null {
  const failures: string[] = [];
  let passed = 0;
  const isAbove = pathOf(tree, from);
  const walk = (id: string): void => {
    const children = tree.children(id);
    const isWithin = isAbove.has(id);
    const { failures: below } = children.length > 0 ? tree.rollup(id) : { failures: 0 };
    const isFailure =
      tree.node(id)?.status === 'failed' && (children.length === 0 || isOwn(tree, id, below)) && isShown(id);
    if (isFailure) {
      failures.push(id);
    }
    if (id === from) {
      passed = failures.length;
    }
    if (below > 0 || isWithin) {
      inOrder(tree, id).forEach(walk);
    }
  };
  roots.forEach(walk);
  const found = failures.length;
  if (found === 0) {
    return null;
  }
  const isOnOne = passed > 0 && failures[passed - 1] === from;
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

/** As the rows of groups stand: each group in one piece. */
function inOrder(tree: TreeReader, id: string): readonly string[] {
  const children = tree.children(id);
  if (children.length <= FOLD_ABOVE) {
    return children;
  }
  const family = familiesOf(tree).of(id);
  if (family.only || family.kinds.size === 0) {
    return children;
  }
  const groups = [family.others, ...family.kinds.values()].filter(({ members }) => members.length > 0);
  const isFolded = family.others.members.length > FOLD_ABOVE;
  const units = groups.flatMap(group =>
    group === family.others && !isFolded ? group.members.map(member => [member]) : [group.members]
  );
  units.sort((one, other) => (one[0]?.index ?? 0) - (other[0]?.index ?? 0));
  return units.flatMap(unit => unit.map(({ id: each }) => each));
}
