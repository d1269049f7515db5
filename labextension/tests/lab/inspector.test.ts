import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MissionInfo, ProjectInfo } from '../../src/core/follow.js';
import { Inspector } from '../../src/lab/inspector.js';
import { FakeHub, Story } from '../view/story.js';
import { project, run } from './projects.js';

let hub: FakeHub;
let inspector: Inspector;
let now: number;

beforeEach(() => {
  hub = new FakeHub();
  inspector = new Inspector(hub);
  now = 0;
});

afterEach(() => inspector.dispose());

async function told(...projects: ProjectInfo[]): Promise<string[]> {
  const news = await inspector.look(projects, () => now);
  return news.map(each => {
    switch (each.kind) {
      case 'silent':
        return `silent ${each.run.mission_id} ${each.agent} ×${each.count}`;
      case 'retry':
        return `retry ${each.run.mission_id} ${each.task} ×${each.count}`;
      case 'stale':
        return `stale ${each.run.mission_id} ×${each.count}`;
      default:
        return each.kind;
    }
  });
}

const stale = (count: number, ...missions: MissionInfo[]) => ({
  ...project('p', missions),
  stale: Object.fromEntries(missions.map(({ mission_id }) => [mission_id, count]))
});

/** A run under way, and two agents that were heard now; the hub has its tree. */
function underWay(): Story {
  const story = new Story().task('Sweep', null, { status: 'running' });
  story.event('coordination_update', { agents: { planner: {}, writer: {} } });
  now = story.now;
  return story;
}

function isLive(story: Story): void {
  hub.followed.at(-1)!.set({ tree: story.tree, status: 'live' });
}

const SECOND = 1_000_000;
const sweep = project('p', [run('Sweep')]);

test('a run whose process isn’t heard any more is told once, not at first sight, and not where it was so before', async () => {
  expect(await told(stale(2, run('old')))).toEqual([]);
  const both = (count: number) => ({
    ...stale(2, run('Sweep'), run('old')),
    stale: { old: 2, Sweep: count }
  });
  expect(await told(both(0))).toEqual([]);
  // What is so for a moment only, as after the machine slept, isn't told.
  expect(await told(both(2))).toEqual([]);
  expect(await told(both(0))).toEqual([]);
  expect(await told(both(2))).toEqual([]);
  expect(await told(both(2))).toEqual(['stale Sweep ×2']);
  expect(await told(both(1))).toEqual([]);
  expect(await told(both(0))).toEqual([]);
  expect(await told(both(2))).toEqual([]);
  expect(await told(both(2))).toEqual([]);
});

test('what has ended isn’t waited for', async () => {
  await told();
  const ended = stale(2, run('Sweep', { status: 'failed' }));
  expect([...(await told(ended)), ...(await told(ended))]).toEqual([]);
  expect(hub.followed).toHaveLength(0);
});

test('agents that fall silent are told once each, together where they do it together', async () => {
  const story = underWay();
  expect(await told(sweep)).toEqual([]);
  isLive(story);
  now += 119 * SECOND;
  expect([...(await told(sweep)), ...(await told(sweep))]).toEqual([]);
  now += 10 * SECOND;
  expect(await told(sweep)).toEqual([]);
  expect(await told(sweep)).toEqual(['silent Sweep planner ×2']);
  expect(await told(sweep)).toEqual([]);
  story.event('coordination_update', { agents: { late: {} } }, 'k2');
  now = story.now + 130 * SECOND;
  expect([...(await told(sweep)), ...(await told(sweep))]).toEqual(['silent Sweep late ×1']);
});

test('tasks that are tried again and again are told once', async () => {
  const story = underWay();
  await told(sweep);
  isLive(story);
  story.task('upload', 'Sweep', { status: 'running', attempt: 2 });
  expect(await told(sweep)).toEqual([]);
  story.node('upload', { attempt: 3 });
  expect(await told(sweep)).toEqual(['retry Sweep upload ×1']);
  story.node('upload', { attempt: 4 });
  expect(await told(sweep)).toEqual([]);
});

test('nothing is claimed of a tree that isn’t live', async () => {
  const story = underWay().task('upload', 'Sweep', { status: 'running', attempt: 3 });
  await told(sweep);
  isLive(story);
  hub.followed[0]!.set({ status: 'offline' });
  now += 1000 * SECOND;
  expect([...(await told(sweep)), ...(await told(sweep))]).toEqual([]);
});

test('a few runs under way are followed for it, none that is very large, and none longer than it goes on', async () => {
  const many = Array.from({ length: 6 }, (_, i) => project(`p${i}`, [run('Sweep')]));
  const rollup = { ...run('large').rollup, leaves: 100_000 };
  await told(project('large', [run('large', { rollup })]), ...many);
  expect(hub.followed).toHaveLength(4);
  await told(...many.slice(0, 1));
  expect(hub.followed.map(({ closed }) => closed)).toEqual([false, true, true, true]);
  inspector.dispose();
  expect(hub.followed[0]?.closed).toBe(true);
});
