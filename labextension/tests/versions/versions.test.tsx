/** Yesterday's outputs and pages with today's code, and the reverse. What is of yesterday is frozen here: see its first lines. */
import { act, cleanup, render } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../../src/core/bundle.js';
import { parseBundle } from '../../src/core/bundle.js';
import { bundleOf } from '../../src/core/compact.js';
import type { Follow, Hub } from '../../src/core/follow.js';
import { TabHub } from '../../src/core/hub.js';
import type { TreeReader } from '../../src/core/reader.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { FOLD_VERSION } from '../../src/core/tree.js';
import { TreeView, type TreeViewProps } from '../../src/view/index.js';
import { World } from '../core/world.js';
import { gridSearch, Story } from '../view/story.js';
import * as old from './front-end-fold-1.mjs';
import oldOutput from './output-fold-1.json';

afterEach(cleanup);

/** What is known of a tree, from its roots down. */
function outline(tree: TreeReader, ids = tree.roots): unknown[] {
  return ids.map(id => [
    id,
    tree.node(id)?.title,
    tree.node(id)?.status,
    tree.rollup(id),
    tree.omitted(id),
    outline(tree, tree.children(id))
  ]);
}

function titlesIn(
  View: (props: TreeViewProps) => React.JSX.Element,
  tree: TreeReader,
  bundle: Bundle
): string[] {
  const stored = { tree, title: bundle.title ?? null, epoch: bundle.epoch };
  const props = { projectId: null, stored, follow: null, hub: null, missionId: bundle.mission_id };
  const { container } = render(<View {...props} layout="inline" />);
  const rows = [...container.querySelectorAll<HTMLElement>('.tt-row')];
  return rows
    .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
    .map(row => row.querySelector('.tt-title')?.textContent ?? '');
}

test('the frozen code is of an older fold', () => {
  expect(old.FOLD_VERSION).toBe(1);
  expect(FOLD_VERSION).toBeGreaterThan(1);
});

describe('An output', () => {
  test('of yesterday shows its tree in today’s page', () => {
    const bundle = parseBundle(oldOutput)!;
    const tree = new StaticTree(bundle);
    expect(outline(tree)).toEqual(outline(new old.StaticTree(old.parseBundle(oldOutput)!)));
    expect(titlesIn(TreeView, tree, bundle)).toEqual(
      expect.arrayContaining([tree.node(bundle.mission_id!)!.title])
    );
  });

  /** As today's code writes it, and as tomorrow's may: with fields, statuses and events that nobody knew yesterday. */
  function written(): unknown {
    const story = gridSearch();
    story.event('mission_snapshot', { snapshot_id: 's' });
    story.event('snapshot_update', { snapshot_id: 's', changes: { name: 'before tuning' } });
    story.event('energy_report', { watts: 300 });
    story.node('load', { carbon: { grams: 12 } });
    const origin = { projectId: 'p', missionId: 'run', title: 'x.ipynb', epoch: 'e1', follow: false };
    const bundle = JSON.parse(JSON.stringify(bundleOf(story.tree, origin))) as Bundle;
    const nodes = bundle.nodes.map(node =>
      node.node_id === 'load/2' ? { ...node, status: 'paused', rollup: { ...node.rollup, paused: 1 } } : node
    );
    return { ...bundle, nodes, fold: 3, legend: { paused: '‖' } };
  }

  test('of today, and of tomorrow, shows its tree in yesterday’s page', () => {
    const bundle = old.parseBundle(written())!;
    const tree = new old.StaticTree(bundle);
    const ours = new StaticTree(parseBundle(written())!);
    expect(outline(tree)).toEqual(outline(ours));
    expect(tree.node('load')?.carbon).toEqual({ grams: 12 });
    const titles = titlesIn(old.TreeView, tree, bundle);
    cleanup();
    // Today what failed stands before what runs, and the slowest before the last of those that ended.
    const today = titlesIn(TreeView, ours, bundle);
    expect(titles).toHaveLength(today.length);
    for (const each of [titles, today]) {
      expect(each).toEqual(
        expect.arrayContaining(['Grid search', 'load data', 'fit 26', 'fit 34', 'fit 39'])
      );
    }
  });
});

describe('A page', () => {
  let world: World;
  let story: Story;

  beforeEach(() => {
    world = new World();
    story = new Story();
    story.task('run', null, { title: 'Train', status: 'running' }).task('fit', 'run', { status: 'running' });
  });

  /** Plays a server of this fold to a page that follows the project, up to `live`. */
  function follow(hub: Hub, fold: number): Follow {
    const followed = hub.follow('p');
    world.socket.open();
    world.socket.say({ op: 'welcome', protocol: 1, limits: { ping_interval: 20 }, motto: 'new' });
    serve(fold);
    return followed;
  }

  function serve(fold: number): void {
    const { tree } = story;
    for (const { ref, project_id } of world.socket.take('subscribe')) {
      const at = { project_id, epoch: 'e', offset: tree.offset };
      world.socket.say({ op: 'subscribed', ref, ...at, recovered: false, mood: 'calm' });
      const state = { ...tree.state(), fold, seasons: ['spring'] };
      const nodes = [...tree.nodes()].map(node => ({ ...node, carbon: 12 }));
      world.socket.say({ op: 'snapshot', ...at, at: tree.at, part: 0, parts: 1, state, nodes });
      world.socket.say({ op: 'weather', project_id, sky: 'blue' });
      world.socket.say({ op: 'live', ...at });
    }
  }

  function happens(type: string, data: Record<string, unknown>): void {
    story.event(type, data);
    const event = { type, data, timestamp: story.timestamp, offset: story.tree.offset, at: story.tree.at };
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event] });
  }

  test('of yesterday shows what today’s server has, and never calls live what it can’t fold', () => {
    const followed = follow(new old.TabHub('ws://hub/', { environment: world }), FOLD_VERSION);
    expect(outline(followed.tree!)).toEqual(outline(story.tree));
    expect(followed.status).toBe('live');

    happens('task_status_changed', { task_id: 'fit', status: 'completed' });
    expect(followed.status).toBe('catching-up');
    world.pass(5_000);
    serve(FOLD_VERSION);
    expect(outline(followed.tree!)).toEqual(outline(story.tree));
    expect(followed.status).toBe('live');
  });

  test('of today follows yesterday’s server, whose new types of events it doesn’t know either', () => {
    const followed = follow(new TabHub('ws://hub/', { environment: world }), 1);
    happens('task_status_changed', { task_id: 'fit', status: 'completed' });
    happens('energy_report', { watts: 300 });
    expect(outline(followed.tree!)).toEqual(outline(story.tree));
    expect(followed.status).toBe('live');
  });

  test('of today tells people why it is behind tomorrow’s server, and what to do', () => {
    const hub = new TabHub('ws://hub/', { environment: world });
    const followed = follow(hub, FOLD_VERSION + 1);
    const { container, getByTitle } = render(
      <TreeView projectId="p" follow={followed} hub={hub} missionId={null} layout="inline" />
    );
    expect(container.querySelector('.tt-connection-text')?.textContent).toBe('live');
    act(() => {
      happens('node_update', { node_id: 'fit', changes: { title: 'later' } });
      world.pass(20);
    });
    expect(getByTitle(/newer than this page.*Reload/).textContent).toContain('catching up');
    act(() => {
      world.pass(5_000);
      serve(FOLD_VERSION + 1);
      world.pass(20);
    });
    expect(followed.tree!.node('fit')?.title).toBe('later');
    expect(followed.error).toBeNull();
  });
});
