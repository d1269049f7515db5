/** Which rows are to be seen: what is open, with siblings alike as groups and long groups summed up. */
import type { TreeReader } from '../../core/reader.js';
import type { Alike, Member } from './alike.js';
import { arrange, FOLD_ABOVE, type Arranged, type Rest } from './arrange.js';
import type { Expansion } from './expansion.js';
import { familiesOf, type Families } from './families.js';
import type { Family } from './family.js';
import { Rows, type GroupRow, type NodeRow } from './rows.js';

// No id holds a control character, so that these are no node's keys.
export const restKey = (parent: string | null, alike: Alike) => `\u0000rest:${parent ?? ''}${kindKey(alike)}`;
export const groupKey = (parent: string | null, alike: Alike) =>
  `\u0000group:${parent ?? ''}${kindKey(alike)}`;
const omittedKey = (parent: string | null) => `\u0000omitted:${parent ?? ''}`;
const kindKey = ({ key }: Alike) => (key === null ? '' : `\u0000${key}`);

export interface Seen {
  tree: TreeReader;
  roots: readonly string[];
  withOmittedRoots: boolean;
  expansion: Expansion;
  /** Rows that stay in sight whatever their status, since somebody is on them. */
  keep: ReadonlySet<string>;
  /** Somebody may be about to click: nothing closes by itself. */
  isCalm: boolean;
  /** How long groups were arranged last, by key; kept up here, so that rows stay in their places. */
  arranged: Map<string, Arranged>;
}

export function visibleRows(seen: Seen): Rows {
  return new Visible(seen).rows;
}

class Visible {
  readonly rows = new Rows();
  private readonly families: Families;
  private readonly onPath = new Set<string>();
  private readonly held: ReadonlySet<string>;
  private readonly openBelow: ReadonlyMap<string, readonly string[]>;

  constructor(private readonly seen: Seen) {
    const { tree, roots, expansion, keep, withOmittedRoots } = seen;
    this.families = familiesOf(tree);
    this.held = aboveAll(tree, keep);
    this.openBelow = byParent(tree, [...expansion.chosenOpen(), ...this.held]);
    if (withOmittedRoots) {
      this.addChildren(null, 1, null);
    } else {
      roots.forEach((id, index) => this.addNode(id, 1, index + 1, roots.length, null));
    }
  }

  private addNode(
    id: string,
    level: number,
    position: number,
    siblings: number,
    parent: string | null
  ): void {
    const { tree, expansion, isCalm } = this.seen;
    if (this.onPath.has(id) || !tree.node(id)) {
      return;
    }
    const row = closedRow(tree, id, { key: id, level, position, siblings, parent });
    if (row.open !== null) {
      const isHeld = this.held.has(id) || (level === 1 && siblings === 1);
      row.open = expansion.isOpen(id, () => wantsAttention(tree, id), isHeld, this.rows.length, isCalm);
    }
    this.rows.push(row);
    if (row.open) {
      this.onPath.add(id);
      this.addChildren(id, level + 1, id);
      this.onPath.delete(id);
    }
  }

  private addChildren(parent: string | null, level: number, above: string | null): void {
    const { tree } = this.seen;
    const children = parent === null ? tree.roots : tree.children(parent);
    const omitted = tree.omitted(parent);
    const last = omitted ? 1 : 0;
    let added = children.length;
    if (children.length <= FOLD_ABOVE) {
      children.forEach((id, at) => this.addNode(id, level, at + 1, children.length + last, above));
    } else {
      added = this.addFamily(parent, this.families.of(parent), level, above, last);
    }
    if (omitted) {
      const position = added + 1;
      const place = { level, position, siblings: position, parent: above };
      this.rows.push({ kind: 'omitted', key: omittedKey(parent), ...place, ...omitted });
    }
  }

  /** Answers how many rows there are right below the parent. */
  private addFamily(
    parent: string | null,
    family: Family,
    level: number,
    above: string | null,
    last: number
  ): number {
    const { only, others } = family;
    const groups = only ? [] : [...family.kinds.values()];
    return this.addAlike(parent, family, only ?? others, level, above, { groups, last });
  }

  /** Members of one group, and rows of other groups among them, each where its first member would stand. */
  private addAlike(
    parent: string | null,
    family: Family,
    alike: Alike,
    level: number,
    above: string | null,
    beside: { groups: readonly Alike[]; last: number }
  ): number {
    const key = restKey(parent, alike);
    const isOpen = this.seen.expansion.isChosen(key);
    const before = this.seen.arranged.get(key);
    const arranged = arrange(alike, before, this.keptOf(family), isOpen);
    if (arranged.rest) {
      this.seen.arranged.set(key, arranged);
    } else {
      this.seen.arranged.delete(key);
    }
    const { shown, rest } = arranged;
    const siblings = shown.length + beside.groups.length + (rest ? 1 : 0) + beside.last;
    const units: { index: number; add: (position: number) => void }[] = [
      ...shown.map((member, at) => ({
        // What is arranged keeps its order.
        index: rest ? -1 - (shown.length - at) : member.index,
        add: (position: number) => this.addNode(member.id, level, position, siblings, above)
      })),
      ...beside.groups.map(group => ({
        index: group.members[0]?.index ?? 0,
        add: (position: number) => this.addGroup(parent, family, group, level, position, siblings, above)
      }))
    ];
    if (beside.groups.length > 0) {
      units.sort((one, other) => one.index - other.index);
    }
    units.forEach(({ add }, at) => add(at + 1));
    if (rest) {
      const { listing, counts } = rest;
      const place = { level, position: units.length + 1, siblings, parent: above };
      const row = { key, ...place, open: isOpen, alike, shown, count: listing.length, counts };
      this.rows.push({ kind: 'rest', ...row });
      if (isOpen) {
        this.addRest(parent, family, listing, level + 1, key);
      }
    }
    return siblings - beside.last;
  }

  private addGroup(
    parent: string | null,
    family: Family,
    alike: Alike,
    level: number,
    position: number,
    siblings: number,
    above: string | null
  ): void {
    const { expansion, isCalm } = this.seen;
    const key = groupKey(parent, alike);
    const isHeld = [...this.keptOf(family)].some(member => member.alike === alike);
    const wants = () => alike.underWay > 0 || alike.rollup(this.seen.tree).failures > 0;
    const row: GroupRow = {
      kind: 'group',
      key,
      level,
      position,
      siblings,
      parent: above,
      open: expansion.isOpen(key, wants, isHeld, this.rows.length, isCalm),
      alike
    };
    this.rows.push(row);
    if (row.open) {
      this.addAlike(parent, family, alike, level + 1, key, { groups: [], last: 0 });
    }
  }

  /** All in one piece, but for those that are open. */
  private addRest(parent: string | null, family: Family, listing: Rest, level: number, key: string): void {
    const rankOf = (id: string) => {
      const member = family.member(id);
      return member ? listing.rankOf(member) : -1;
    };
    const { tree } = this.seen;
    const opened = (this.openBelow.get(parent ?? '') ?? [])
      .map(id => ({ id, rank: rankOf(id) }))
      .filter(({ rank }) => rank >= 0)
      .sort((one, other) => one.rank - other.rank);
    const rowOf = (id: string, place: Omit<NodeRow, 'kind' | 'id' | 'open'>) => closedRow(tree, id, place);
    let from = 0;
    for (const { id, rank } of opened) {
      this.rows.pushRange({ listing, from, to: rank, level, parent: key, rowOf, rankOf });
      this.addNode(id, level, rank + 1, listing.length, key);
      from = rank + 1;
    }
    this.rows.pushRange({ listing, from, to: listing.length, level, parent: key, rowOf, rankOf });
  }

  private keptOf(family: Family): ReadonlySet<Member> {
    const kept = new Set<Member>();
    for (const id of [...this.seen.keep, ...this.held]) {
      const member = family.member(id);
      if (member) {
        kept.add(member);
      }
    }
    return kept;
  }
}

export function closedRow(
  tree: TreeReader,
  id: string,
  place: Omit<NodeRow, 'kind' | 'id' | 'open'>
): NodeRow {
  const hasMore = tree.children(id).length > 0 || tree.omitted(id) !== null;
  return { kind: 'node', id, open: hasMore ? false : null, ...place };
}

function wantsAttention(tree: TreeReader, id: string): boolean {
  const own = tree.node(id)?.status;
  const { failures, counts } = tree.rollup(id);
  const { running = 0, review = 0 } = counts;
  return own === 'running' || own === 'failed' || own === 'review' || running + failures + review > 0;
}

/** The rows that have to be open for that of a task to be seen. */
export function containersOf(tree: TreeReader, id: string): string[] {
  const keys: string[] = [];
  for (const each of [id, ...aboveAll(tree, [id])]) {
    const parent = tree.node(each)?.parent_id;
    if (parent !== undefined) {
      keys.push(parent);
      const family = tree.children(parent).length > FOLD_ABOVE ? familiesOf(tree).of(parent) : null;
      const alike = family?.only ? undefined : family?.member(each)?.alike;
      if (alike && alike.key !== null) {
        keys.push(groupKey(parent, alike));
      }
    }
  }
  return keys;
}

/** Everything above the given rows. */
export function aboveAll(tree: TreeReader, ids: Iterable<string>): ReadonlySet<string> {
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

function byParent(tree: TreeReader, ids: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const below = new Map<string, string[]>();
  for (const id of new Set(ids)) {
    const node = tree.node(id);
    const siblings = node ? below.get(node.parent_id ?? '') : undefined;
    if (siblings) {
      siblings.push(id);
    } else if (node) {
      below.set(node.parent_id ?? '', [id]);
    }
  }
  return below;
}
