import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MAX_DEPTH, MAX_NODES, TaskTree } from '../../src/core/tree.js';
import { reload, whole, canonical } from './naive.js';
import { runs } from '../seeded.js';

const tombstones = (tree: TaskTree) => tree.state().tombstones;

function update(tree: TaskTree, node_id: string, changes: object | null): void {
  tree.apply({ type: 'node_update', data: { node_id, changes }, timestamp: '2026-01-31T14:02:11Z' });
}

describe('Depth', () => {
  /** What docs/fold.md says of placing, on nothing but who is below whom. */
  class Model {
    readonly parents = new Map<string, string | null>();
    flagged = 0;

    move(id: string, to: string): void {
      if (this.parents.get(id) === to) {
        return;
      }
      if (id === to || this.above(to).includes(id)) {
        this.flagged++;
        return;
      }
      const depth = this.parents.has(to) ? this.above(to).length + 1 : 1;
      if (depth + this.height(id) > MAX_DEPTH) {
        this.flagged++;
        return;
      }
      if (!this.parents.has(to)) {
        this.parents.set(to, null);
      }
      this.parents.set(id, to);
    }

    private above(id: string): string[] {
      const all = [];
      for (let parent = this.parents.get(id); parent; parent = this.parents.get(parent)) {
        all.push(parent);
      }
      return all;
    }

    private height(id: string): number {
      const below = [...this.parents]
        .filter(([, parent]) => parent === id)
        .map(([child]) => this.height(child));
      return 1 + Math.max(0, ...below);
    }
  }

  it('is bounded whatever is moved where, and nothing else is refused', () => {
    const id = fc.nat(75);
    const move = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(id, fc.constant(-1)) },
      { weight: 1, arbitrary: fc.tuple(id, id) }
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(70), fc.array(move, { maxLength: 150, size: 'max' }), (chain, moves) => {
        const tree = new TaskTree();
        const model = new Model();
        const apply = (one: number, to: number) => {
          update(tree, `n${one}`, { parent_id: `n${to}` });
          model.move(`n${one}`, `n${to}`);
        };
        for (let index = 1; index <= chain; index++) {
          apply(index, index - 1);
        }
        for (const [one, to] of moves) {
          apply(one, to === -1 ? (one + 75) % 76 : to);
        }
        const parents = [...tree.nodes()].map(({ node_id, parent_id }) => [node_id, parent_id ?? null]);
        expect(new Map(parents as [string, string | null][])).toEqual(model.parents);
        expect(tree.flagged.count).toBe(model.flagged);
        refused += tree.flagged.last?.reason === 'depth' ? 1 : 0;
      }),
      { numRuns: runs(150) }
    );
    expect(refused).toBeGreaterThan(0);
  });
});

describe('Size', () => {
  it('beyond 200 000 nodes, events about new ones are counted and change nothing else', () => {
    const tree = new TaskTree();
    for (let index = 0; index < MAX_NODES - 1; index++) {
      update(tree, `n${index}`, { title: 'x' });
    }
    update(tree, 'child', { parent_id: 'unknown' });
    expect([tree.size, tree.overflow]).toEqual([MAX_NODES - 1, 1]);
    update(tree, 'last', { title: 'x' });
    for (const type of ['task_status_changed', 'node_log', 'node_update']) {
      const data = {
        task_id: 'new',
        status: 'running',
        node_id: 'new',
        changes: {},
        level: 'info',
        message: ''
      };
      tree.apply({ type, data, timestamp: '2026-01-31T14:02:11Z' });
    }
    expect([tree.size, tree.overflow, tree.flagged.count]).toEqual([MAX_NODES, 4, 0]);
    update(tree, 'last', { title: 'still changes' });
    expect(tree.node('last')?.title).toBe('still changes');
    update(tree, 'n0', null);
    update(tree, 'new', {});
    expect([tree.size, tree.overflow]).toEqual([MAX_NODES, 4]);
  });

  it('of the tombstones is bounded: the oldest leave, one that came back and went again is young', () => {
    const tree = new TaskTree();
    for (let index = 0; index < 200_000; index++) {
      update(tree, `n${index}`, null);
    }
    expect(tombstones(tree)).toHaveLength(200_000);
    update(tree, 'n1', { title: 'back' });
    update(tree, 'n1', null);
    update(tree, 'a', null);
    update(tree, 'b', null);
    expect(tombstones(tree)).toHaveLength(200_000);
    expect(tombstones(tree).slice(0, 2)).toEqual(['n3', 'n4']);
    expect(tombstones(tree).slice(-3)).toEqual(['n1', 'a', 'b']);
    const loaded = reload(tree);
    update(tree, 'c', null);
    update(loaded, 'c', null);
    expect(canonical(whole(loaded))).toBe(canonical(whole(tree)));
  });
});
