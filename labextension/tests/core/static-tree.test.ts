import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Bundle } from '../../src/core/bundle.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { TaskTree } from '../../src/core/tree.js';
import { canonical } from './naive.js';
import { sequence } from './sequences.js';
import { runs } from '../seeded.js';

function bundle(nodes: unknown[], omitted: Bundle['omitted'] = {}): Bundle {
  const head = {
    version: 1,
    project_id: 'p',
    mission_id: null,
    follow: false,
    epoch: 'e',
    offset: 7,
    at: 9,
    ended: true
  };
  return { ...head, nodes: nodes as Bundle['nodes'], omitted };
}

describe('A stored tree', () => {
  it('reads like the live one it was made from', () => {
    fc.assert(
      fc.property(sequence, events => {
        const live = new TaskTree();
        events.filter(({ timestamp }) => timestamp !== 'soon').forEach(event => live.apply(event));
        const nodes = [...live.nodes()].map(node => ({ ...node, rollup: live.rollup(node.node_id) }));
        const stored = new StaticTree(bundle(JSON.parse(JSON.stringify(nodes)) as unknown[]));
        expect(stored.roots).toEqual(live.roots);
        for (const { node_id: id } of live.nodes()) {
          expect(canonical(stored.node(id))).toBe(canonical(live.node(id)));
          expect(stored.children(id)).toEqual(live.children(id));
          expect(stored.rollup(id)).toEqual(live.rollup(id));
          expect(stored.span(id)).toEqual(live.span(id));
        }
      }),
      { numRuns: runs(100) }
    );
  });

  it('says how many children were left out, also among the roots', () => {
    const stored = new StaticTree(
      bundle([{ node_id: 'a', status: 'running' }], {
        a: { count: 6480, counts: { completed: 6480 } },
        '': { count: 2, counts: { failed: 2 } }
      })
    );
    expect(stored.omitted('a')).toEqual({ count: 6480, counts: { completed: 6480 } });
    expect(stored.omitted(null)).toEqual({ count: 2, counts: { failed: 2 } });
    expect(stored.omitted('constructor')).toBeNull();
    expect([stored.offset, stored.at]).toEqual([7, 9]);
  });

  it('takes from a stranger’s notebook only what is what it should be', () => {
    const node = {
      node_id: 'a',
      title: { toString: 'x' },
      status: 'runing',
      progress: '1',
      message: 'fine',
      metrics: 7,
      log: {}
    };
    const stored = new StaticTree(
      bundle([
        null,
        7,
        { title: 'no id' },
        { node_id: 5 },
        { ...node, rollup: { leaves: 'x', counts: { running: 'y', draft: 3 } } },
        { node_id: 'a', title: 'again' },
        { node_id: 'b', status: 'failed', parent_id: 'nobody' },
        { node_id: '__proto__', status: 'ready', parent_id: 'a' }
      ])
    );
    expect(stored.node('a')).toEqual({ node_id: 'a', status: 'draft', message: 'fine' });
    expect(stored.rollup('a')).toEqual({
      leaves: 0,
      total: 0,
      done: 0,
      progress: 0,
      failures: 0,
      counts: { draft: 3 }
    });
    expect(stored.rollup('b')).toMatchObject({ leaves: 1, counts: { failed: 1 } });
    expect(stored.roots).toEqual(['a', 'b']);
    expect(stored.children('a')).toEqual(['__proto__']);
  });

  it('is empty where the bundle is none', () => {
    for (const nodes of [undefined, null, {}, 'x']) {
      const stored = new StaticTree({ offset: 'x', at: -1.5, nodes } as unknown as Bundle);
      expect([stored.roots, stored.offset, stored.at]).toEqual([[], 0, 0]);
      expect(stored.node('a')).toBeUndefined();
      expect(stored.rollup('a').leaves).toBe(0);
      expect(stored.span('a')).toEqual({ startedAt: null, endedAt: null });
    }
  });
});
