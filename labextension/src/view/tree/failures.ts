/** From one failure to the next. */
import type { TreeReader } from '../../core/reader.js';
import type { Member } from './alike.js';
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
      inOrder(tree, id, below, isAbove).forEach(walk);
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

/**
 * The children of a node, as their rows stand: each group in one piece. Of many only those that matter, where it is known which those are: as many failed as there are
 * failures, so there is none below the others.
 */
function inOrder(
  tree: TreeReader,
  id: string,
  failures: number,
  path: ReadonlySet<string>
): readonly string[] {
  const children = tree.children(id);
  if (children.length <= FOLD_ABOVE) {
    return children;
  }
  const family = familiesOf(tree).of(id);
  const groups = [family.others, ...family.kinds.values()];
  const isSimple = groups.reduce((sum, { counts }) => sum + counts.failed, 0) === failures;
  const all = groups.flatMap(group => (isSimple ? [...group.failedOnes] : group.members));
  const within = isSimple ? [...path].map(each => family.member(each)) : [];
  const members = [...new Set([...all, ...within.filter(member => member !== undefined)])];
  const isOneByOne = family.others.members.length <= FOLD_ABOVE;
  const unitOf = ({ alike, index }: Member) =>
    alike === family.others && isOneByOne ? index : (alike.members[0]?.index ?? 0);
  members.sort((one, other) => unitOf(one) - unitOf(other) || one.place - other.place);
  return members.map(member => member.id);
}
