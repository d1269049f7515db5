import { beforeEach, expect, it } from 'vitest';

import { LocalFollow } from '../../src/core/local.js';
import { TaskTree } from '../../src/core/tree.js';
import { World } from './world.js';

let world: World;
let sent: { op: string }[];
let follow: LocalFollow;

beforeEach(() => {
  world = new World();
  sent = [];
  follow = new LocalFollow('local', frame => sent.push(frame), world);
});

function event(offset: number) {
  const data = { node_id: 'n', changes: { title: `t${offset}` } };
  return { type: 'node_update', data, timestamp: '2026-01-31T14:02:11Z', offset, at: offset };
}

function whole(offset: number): object[] {
  const place = { project_id: 'local', epoch: 'local', offset, at: offset };
  const state = { ...new TaskTree().state(), offset, at: offset };
  const nodes = [{ node_id: 'n', status: 'running' }];
  return [
    { op: 'snapshot', ...place, part: 0, parts: 1, state, nodes },
    { op: 'live', project_id: 'local', offset }
  ];
}

function events(...offsets: number[]): object {
  return { op: 'events', project_id: 'local', epoch: 'local', events: offsets.map(event) };
}

it('asks the kernel at once, and takes what it sends, asked for or not', () => {
  expect(sent.map(({ op }) => op)).toEqual(['subscribe']);
  expect(follow.status).toBe('connecting');
  follow.receive(events(1, 2));
  expect(follow.tree).toBeNull();
  whole(3).forEach(frame => follow.receive(frame));
  follow.receive(events(4, 5));
  expect([follow.status, follow.tree?.offset, follow.heardAt]).toEqual(['live', 5, world.now()]);
  expect(sent).toHaveLength(1);
});

it('asks again where something is missing, and shows nothing wrong until the answer comes', () => {
  whole(3).forEach(frame => follow.receive(frame));
  follow.receive(events(7));
  follow.receive(events(8));
  expect(follow.tree?.offset).toBe(3);
  expect(sent.map(({ op }) => op)).toEqual(['subscribe', 'subscribe']);
  whole(8).forEach(frame => follow.receive(frame));
  follow.receive(events(9));
  expect([follow.status, follow.tree?.offset]).toEqual(['live', 9]);
});

it('tells its listeners once a paint', () => {
  let calls = 0;
  follow.subscribe(() => calls++);
  whole(3).forEach(frame => follow.receive(frame));
  world.pass(16);
  expect(calls).toBe(1);
});

it('is offline when the kernel has ended, with the last tree and the reason', () => {
  whole(3).forEach(frame => follow.receive(frame));
  follow.ended('Run the cell again.');
  follow.receive(events(4));
  expect([follow.status, follow.error, follow.tree?.offset]).toEqual(['offline', 'Run the cell again.', 3]);
});
