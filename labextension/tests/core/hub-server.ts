/** A hub in a world of its own for each test, and a server that is played. */
import { beforeEach } from 'vitest';

import { TabHub, type Follow, type ProjectInfo } from '../../src/core/hub.js';
import { FOLD_VERSION, TaskTree } from '../../src/core/tree.js';
import { World, type FakeSocket } from './world.js';

export let world: World;
export let hub: TabHub;

/** To be called once by each file of tests. */
export function eachWithItsOwnHub(): void {
  beforeEach(() => {
    world = new World();
    hub = new TabHub(SOCKET, { environment: world });
  });
}

export const SOCKET = 'ws://127.0.0.1:8888/user/ada/tasktree/ws/updates';
export const PAINT = 16;
export const GRACE = 3_000;

export function event(offset: number, title: string) {
  const data = { node_id: 'n', changes: { title } };
  return { type: 'node_update', data, timestamp: '2026-01-31T14:02:11Z', source: null, offset, at: offset };
}

export function info(id: string, at = 1): ProjectInfo {
  return { project_id: id, kind: 'named', created_at: 0, offset: at, at, missions: [], missions_total: 0 };
}

/** Plays the server: answers each frame that was sent since. */
export function serve(socket: FakeSocket = world.socket, fold = FOLD_VERSION): Record<string, unknown>[] {
  const frames = socket.take();
  for (const frame of frames) {
    const { op, ref, project_id, since } = frame;
    if (op === 'subscribe') {
      const recovered = since !== null;
      socket.say({ op: 'subscribed', ref, project_id, epoch: 'e', offset: 1, recovered, info: info('p') });
      if (!recovered) {
        const state = { ...new TaskTree().state(), fold, offset: 1, at: 1 };
        const nodes = [{ node_id: 'n', status: 'running' }];
        socket.say({
          op: 'snapshot',
          project_id,
          epoch: 'e',
          offset: 1,
          at: 1,
          part: 0,
          parts: 1,
          state,
          nodes
        });
      }
      socket.say({ op: 'live', project_id, offset: 1 });
    }
  }
  return frames;
}

export function welcome(protocol = 1): void {
  world.socket.say({ op: 'welcome', protocol, limits: { ping_interval: 20 } });
}

export function connect(): void {
  world.socket.open();
  welcome();
}

export function followed(): Follow {
  const follow = hub.follow('p');
  connect();
  serve();
  world.socket.take();
  return follow;
}
