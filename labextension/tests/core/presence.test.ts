import { beforeEach, expect, it } from 'vitest';
import { TabHub, type Follow } from '../../src/core/hub.js';
import { staleTasksOf } from '../../src/core/presence.js';
import { TaskTree } from '../../src/core/tree.js';
import { World } from './world.js';

let world: World;
let hub: TabHub;
let follow: Follow;

const silent = (...nodes: string[]) => ({
  op: 'presence',
  project_id: 'p',
  sources: [{ source: 'k1', host: 'h', pid: 7, kernel_id: null, silent_since: 1_000, nodes }]
});

function subscribed(recovered = false): void {
  const { ref } = world.socket.take('subscribe')[0]!;
  const position = { project_id: 'p', epoch: 'e', offset: 0 };
  world.socket.say({ op: 'subscribed', ref, ...position, recovered, info: null });
  if (!recovered) {
    const state = new TaskTree().state();
    world.socket.say({ op: 'snapshot', ...position, at: 0, part: 0, parts: 1, state, nodes: [] });
  }
}

function open(): void {
  world.socket.open();
  world.socket.say({ op: 'welcome', protocol: 1, limits: { ping_interval: 20 } });
}

const live = () => world.socket.say({ op: 'live', project_id: 'p', offset: 0 });

beforeEach(() => {
  world = new World();
  hub = new TabHub('ws://127.0.0.1:8888/', { environment: world });
  follow = hub.follow('p');
  open();
  subscribed();
});

it('tells which tasks are stale, and again when they are not', () => {
  world.socket.say(silent('a', 'b'));
  live();
  expect([...follow.stale]).toEqual([
    ['a', 1_000],
    ['b', 1_000]
  ]);
  const before = follow.getVersion();
  world.socket.say({ op: 'presence', project_id: 'p', sources: [] });
  world.pass(20);
  expect(follow.stale.size).toBe(0);
  expect(follow.getVersion()).toBeGreaterThan(before);
  expect(follow.status).toBe('live');
});

it('keeps what was last known while the connection is gone, and asks anew with the next', () => {
  world.socket.say(silent('a'));
  live();
  world.socket.end();
  expect([follow.status, follow.stale.size]).toEqual(['offline', 1]);
  world.pass(60_000);
  open();
  subscribed(true);
  live();
  expect([follow.status, follow.stale.size]).toEqual(['live', 0]);
});

it('reads what makes sense of a frame, and nothing else', () => {
  const odd = [
    null,
    7,
    { silent_since: null, nodes: ['a'] },
    { silent_since: 'now', nodes: ['a'] },
    { silent_since: 5, nodes: 'a' },
    { silent_since: 5, nodes: [1, null, 'b'] }
  ];
  expect([...staleTasksOf({ op: 'presence', sources: odd })]).toEqual([['b', 5]]);
  expect(staleTasksOf({ op: 'presence', sources: 'all' }).size).toBe(0);
});
