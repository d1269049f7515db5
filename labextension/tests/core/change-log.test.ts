// Who keeps something about every node needn't look at all of them again.
import { describe, expect, test } from 'vitest';
import { ChangeLog } from '../../src/core/change-log.js';
import { TaskTree } from '../../src/core/tree.js';

function applied(tree: TaskTree, id: string, changes: Record<string, unknown> | null): void {
  const timestamp = '2026-01-31T14:00:00Z';
  tree.apply({ type: 'node_update', data: { node_id: id, changes }, timestamp });
}

describe('what changed in a tree', () => {
  test('is every node that is new, another, or gone, and who lost a child', () => {
    const tree = new TaskTree();
    applied(tree, 'run', { title: 'run' });
    let mark = tree.changes(null).mark;
    const since = () => {
      const changes = tree.changes(mark);
      mark = changes.mark;
      return changes.ids && [...changes.ids].sort();
    };
    expect(since()).toEqual([]);
    applied(tree, 'a', { parent_id: 'run', title: 'a' });
    applied(tree, 'b', { parent_id: 'waited for', title: 'b' });
    expect(since()).toEqual(['a', 'b', 'waited for']);
    applied(tree, 'a', { progress: 0.5 });
    applied(tree, 'a', { progress: 0.6 });
    expect(since()).toEqual(['a']);
    applied(tree, 'b', { parent_id: 'a' });
    expect(since()).toEqual(['b', 'waited for']);
    applied(tree, 'a', null);
    expect(since()).toEqual(['a', 'b', 'run']);
  });

  test('isn’t told where it isn’t known: at first, after more of a snapshot, after too much', () => {
    const tree = new TaskTree();
    expect(tree.changes(0).ids).toBeNull();
    const { mark } = tree.changes(null);
    tree.extend([{ node_id: 'x', status: 'ready' }]);
    const later = tree.changes(mark);
    expect(later.ids).toBeNull();
    for (let i = 0; i < 70_000; i += 1) {
      applied(tree, 'x', { progress: (i % 100) / 100 });
    }
    expect(tree.changes(later.mark).ids).toBeNull();
  });

  test('is kept for everybody who asks', () => {
    const log = new ChangeLog();
    const first = log.since(null).mark;
    log.add('a');
    const second = log.since(first).mark;
    log.add('b');
    expect(log.since(first).ids).toEqual(['a', 'b']);
    expect(log.since(second).ids).toEqual(['b']);
  });
});

test('a task that starts again makes nobody above look at all its siblings', () => {
  const tree = new TaskTree();
  applied(tree, 'run', { title: 'run' });
  const at = (second: number) => `2026-01-31T14:00:${String(second).padStart(2, '0')}Z`;
  for (let i = 0; i < 20; i += 1) {
    applied(tree, `t${i}`, {
      parent_id: 'run',
      status: 'completed',
      started_at: at(i),
      ended_at: at(i + 20)
    });
  }
  tree.span('run');
  applied(tree, 't7', { status: 'running' });
  const { entries } = tree as unknown as { entries: Map<string, { spanCache: unknown }> };
  expect(entries.get('run')?.spanCache).toEqual(tree.span('run'));
  const fresh = TaskTree.load(tree.state(), [...tree.nodes()]);
  expect(tree.span('run')).toEqual(fresh.span('run'));
  applied(tree, 't0', { status: 'running' });
  expect(tree.span('run')).toEqual(TaskTree.load(tree.state(), [...tree.nodes()]).span('run'));
});
