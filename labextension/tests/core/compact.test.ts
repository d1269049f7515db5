import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseBundle, type Bundle } from '../../src/core/bundle.js';
import { bundleOf, MAX_BUNDLE_BYTES } from '../../src/core/compact.js';
import type { TreeEvent } from '../../src/core/envelope.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { TaskTree } from '../../src/core/tree.js';

interface Story {
  events: TreeEvent[];
  cases: { name: string; mission_id: string | null; max_bytes: number; bundle: Bundle }[];
}

const FOLDER = new URL('../../../tests/vectors/bundles/', import.meta.url);
const STORIES = readdirSync(FOLDER).map(
  name => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Story
);

function fold(events: Iterable<TreeEvent>): TaskTree {
  const tree = new TaskTree();
  for (const event of events) {
    tree.apply(event);
  }
  return tree;
}

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
const origin = { projectId: 'p', title: 'churn.ipynb', epoch: 'e1', follow: false };

describe.each(STORIES)('a tree gives the same bundle in every language', ({ events, cases }) => {
  test.each(cases)('$name', ({ mission_id, max_bytes, bundle }) => {
    const made = bundleOf(fold(events), { ...origin, missionId: mission_id }, max_bytes);
    expect(JSON.parse(JSON.stringify(made))).toEqual(bundle);
    expect(bytes(made)).toBeLessThanOrEqual(max_bytes);
  });
});

test('what was left out is counted, whatever the task above it is called', () => {
  const events = Array.from({ length: 40 }, (_, i) => ({
    type: 'node_update',
    data: {
      node_id: i === 0 ? '__proto__' : `t${i}`,
      changes: { title: 'x'.repeat(200), ...(i === 0 ? {} : { parent_id: '__proto__' }) }
    },
    timestamp: '2026-01-31T14:00:00Z',
    offset: i + 1,
    at: i + 1
  }));
  const made = bundleOf(fold(events), { ...origin, missionId: null }, 10_000);
  const stored = new StaticTree(parseBundle(JSON.parse(JSON.stringify(made)))!);
  expect(stored.omitted('__proto__')?.count).toBe(39 - stored.children('__proto__').length);
  expect(stored.omitted('__proto__')?.count).toBeGreaterThan(0);
});

/** A run of many tasks, some failed, with long texts from all over the world. */
function large(): TaskTree {
  const events: TreeEvent[] = [];
  const node = (node_id: string, changes: Record<string, unknown>) => {
    const offset = events.length + 1;
    const timestamp = '2026-01-31T14:00:00Z';
    events.push({ type: 'node_update', data: { node_id, changes }, timestamp, offset, at: offset });
  };
  node('run', { title: 'run', status: 'running' });
  for (let i = 0; i < 3000; i += 1) {
    const status = i % 100 === 50 ? 'failed' : i >= 2990 ? 'running' : 'completed';
    node(`t${i}`, {
      parent_id: 'run',
      title: `task ${i} 日本語`,
      status,
      message: 'é'.repeat(200),
      params: { text: '😀'.repeat(i % 300) },
      ...(status === 'failed' ? { error: { type: 'E', message: 'm', traceback: 'line\n'.repeat(9000) } } : {})
    });
  }
  return fold(events);
}

describe('a bundle of a large run', () => {
  const tree = large();
  const bundle = bundleOf(tree, { ...origin, missionId: 'run' });

  test('keeps to its size, and holds what failed and what runs', () => {
    expect(bytes(bundle)).toBeLessThanOrEqual(MAX_BUNDLE_BYTES);
    const held = new Set(bundle.nodes.map(({ node_id }) => node_id));
    for (let i = 0; i < 3000; i += 1) {
      if (i % 100 === 50 || i >= 2990) {
        expect(held).toContain(`t${i}`);
      }
    }
  });

  test('what is there and what is left out add up to what there was', () => {
    const stored = new StaticTree(parseBundle(JSON.parse(JSON.stringify(bundle)))!);
    const omitted = stored.omitted('run')!;
    expect(omitted.count + stored.children('run').length).toBe(3000);
    const sum = { ...omitted.counts };
    for (const id of stored.children('run')) {
      const status = stored.node(id)!.status;
      sum[status] = (sum[status] ?? 0) + 1;
    }
    expect(sum).toEqual(tree.rollup('run').counts);
    expect(stored.rollup('run')).toEqual(tree.rollup('run'));
  });
});

test('what isn’t a bundle is none', () => {
  for (const value of [null, 'x', [], {}, { version: 1 }, { version: '1', nodes: [] }, { nodes: [] }]) {
    expect(parseBundle(value)).toBeNull();
  }
  const strange = parseBundle({
    version: 2,
    nodes: [1, null, { node_id: 'a' }],
    project_id: 7,
    omitted: 'x'
  });
  expect(strange).toMatchObject({
    project_id: null,
    mission_id: null,
    nodes: [{ node_id: 'a' }],
    omitted: {}
  });
});
