import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TaskTree } from '../../src/core/tree.js';
import { canonical, naiveRollup, naiveSpan, reload, whole } from './naive.js';
import { sequence, type LogEvent } from './sequences.js';
import { runs } from '../seeded.js';

function fold(events: readonly LogEvent[], tree = new TaskTree()): TaskTree {
  for (const event of events) {
    tree.apply(event);
  }
  return tree;
}

describe('Whatever a log holds', () => {
  it('the fold gives a state, at the last offset', () => {
    fc.assert(
      fc.property(sequence, events => {
        const tree = fold(events);
        expect(tree.offset).toBe(events.length);
        expect(tree.size).toBe([...tree.nodes()].length);
      }),
      { numRuns: runs(500) }
    );
  });

  it('a tree that was saved in the middle and loaded folds on to the same', () => {
    fc.assert(
      fc.property(sequence, fc.nat(60), (events, cut) => {
        const straight = fold(events);
        const resumed = fold(events.slice(cut), reload(fold(events.slice(0, cut))));
        expect(canonical(whole(resumed))).toBe(canonical(whole(straight)));
      }),
      { numRuns: runs(500) }
    );
  });

  it('roll-ups and spans are after every event what a count from scratch gives', () => {
    fc.assert(
      fc.property(sequence, events => {
        const tree = new TaskTree();
        for (const event of events) {
          tree.apply(event);
          for (const { node_id: id } of tree.nodes()) {
            expect(tree.rollup(id)).toEqual(naiveRollup(tree, id));
            expect(tree.span(id)).toEqual(naiveSpan(tree, id));
          }
        }
      }),
      { numRuns: runs(300) }
    );
  });

  it('a node is another object exactly when its fields changed, and an event is never changed', () => {
    fc.assert(
      fc.property(sequence, events => {
        const tree = new TaskTree();
        const before = canonical(events);
        for (const event of events) {
          const seen = new Map(
            [...tree.nodes()].map(node => [node.node_id, [node, canonical(node)] as const])
          );
          tree.apply(event);
          for (const [id, [node, text]] of seen) {
            expect(canonical(node)).toBe(text);
            const now = tree.node(id);
            if (now && canonical(now) !== text) {
              expect(now).not.toBe(node);
            }
          }
        }
        expect(canonical(events)).toBe(before);
      }),
      { numRuns: runs(200) }
    );
  });
});
