/** The rows while somebody looks for something: what matches, and what it is in. */
import type { TreeReader } from '../../core/reader.js';
import { FOUND_ROWS, type Expansion } from './expansion.js';
import type { Matching } from './matching.js';
import { Rows, type Listing, type NodeRow } from './rows.js';
import { aboveAll, closedRow } from './visible.js';

interface Looking {
  tree: TreeReader;
  roots: readonly string[];
  matching: Matching;
  /** What was opened and closed while looking for this. */
  expansion: Expansion;
  /** Shown though they may not match: somebody is on them. */
  keep: ReadonlySet<string>;
}

export function foundRows({ tree, roots, matching, expansion, keep }: Looking): Rows {
  const rows = new Rows();
  const held = new Set([...aboveAll(tree, keep), ...keep]);
  const isShown = (id: string) => matching.shows(id) || held.has(id);

  const childrenOf = (parent: string): readonly string[] => {
    if (!matching.matchesBelow(parent) && !held.has(parent)) {
      return tree.children(parent);
    }
    const found = matching.childrenOf(parent);
    const isMore = [...held].some(id => tree.node(id)?.parent_id === parent && !matching.shows(id));
    return isMore ? tree.children(parent).filter(isShown) : found;
  };

  const chosen = new Set([...expansion.chosenOpen(), ...held]);
  const aboveChosen = new Set([...chosen].map(id => tree.node(id)?.parent_id));
  const isOpen = (id: string, at: number) =>
    expansion.isOpen(id, () => matching.matchesBelow(id), held.has(id) && !keep.has(id), at, false);

  const add = (
    id: string,
    level: number,
    position: number,
    siblings: number,
    parent: string | null
  ): void => {
    const row = closedRow(tree, id, { key: id, level, position, siblings, parent });
    if (row.open !== null) {
      row.open = isOpen(id, rows.length);
    }
    rows.push(row);
    if (row.open) {
      addAll(id, level + 1);
    }
  };

  const addAll = (parent: string, level: number): void => {
    const children = childrenOf(parent);
    const listing: Listing = { length: children.length, at: rank => children[rank] as string };
    const rankOf = (id: string) => rankIn(children, id);
    const rowOf = (id: string, place: Omit<NodeRow, 'kind' | 'id' | 'open'>) => closedRow(tree, id, place);
    const range = { listing, level, parent, rowOf, rankOf };
    const branches = matching.branchesOf(parent);
    const hasMore = branches.size > 0 || aboveChosen.has(parent);
    let from = 0;
    for (let rank = 0; hasMore && rank < children.length; rank += 1) {
      const id = children[rank] as string;
      const at = rows.length + rank - from;
      if ((branches.has(id) || chosen.has(id)) && (at < FOUND_ROWS || isOpen(id, at))) {
        rows.pushRange({ ...range, from, to: rank });
        add(id, level, rank + 1, children.length, parent);
        from = rank + 1;
      }
    }
    rows.pushRange({ ...range, from, to: children.length });
  };

  const tops = roots.filter(isShown);
  tops.forEach((id, at) => add(id, 1, at + 1, tops.length, null));
  return rows;
}

const ranks = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

/** -1 for an id that isn't there. */
function rankIn(ids: readonly string[], id: string): number {
  let known = ranks.get(ids);
  if (!known) {
    known = new Map(ids.map((each, rank) => [each, rank]));
    ranks.set(ids, known);
  }
  return known.get(id) ?? -1;
}
