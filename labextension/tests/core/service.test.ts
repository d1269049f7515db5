import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Connection } from '../../src/core/follow.js';
import { WebSocketService, type ServiceOptions } from '../../src/core/service.js';
import { settle, World } from './world.js';

const URL_ = 'ws://127.0.0.1:8888/tasktree/ws/updates';
const PROTOCOL = 'tasktree.v1.json';

let world: World;
let service: WebSocketService;
let states: Connection[];

function make(options: Partial<ServiceOptions> = {}): WebSocketService {
  service = new WebSocketService({ url: URL_, environment: world, ...options });
  states = [];
  service.onState(state => states.push(state));
  return service;
}

/** The delay of the next attempt, which then fails at once. */
function nextDelay(): number {
  const { state } = service;
  if (state.kind !== 'waiting') {
    throw new Error(`it is ${state.kind}`);
  }
  const delay = state.retryAt - world.now();
  world.pass(delay);
  world.socket.end();
  return delay;
}

beforeEach(() => {
  world = new World();
});

describe('A service', () => {
  it('says open only when the server answered', () => {
    make().connect();
    expect(service.state).toEqual({ kind: 'connecting' });
    world.socket.open();
    expect(service.state).toEqual({ kind: 'open' });
    expect(states.map(({ kind }) => kind)).toEqual(['connecting', 'open']);
  });

  it('has one connection however often it is asked to connect', () => {
    make().connect();
    service.connect();
    world.socket.open();
    service.connect();
    expect(world.sockets).toHaveLength(1);
  });

  it('gives each message to every subscriber until they unsubscribe, also where one of them fails', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const heard: unknown[] = [];
    make().subscribe(() => {
      throw new Error('broken');
    });
    const unsubscribe = service.subscribe(message => heard.push(message));
    service.connect();
    world.socket.open();
    world.socket.say({ type: 'node_update' });
    world.socket.say('no JSON');
    unsubscribe();
    world.socket.say({ type: 'later' });
    expect(heard).toEqual([{ type: 'node_update' }]);
    expect(service.state.kind).toBe('open');
    error.mockRestore();
  });

  it('tells when a message could not be sent', () => {
    make();
    expect(service.send({ a: 1 })).toBe(false);
    service.connect();
    expect(service.send({ a: 1 })).toBe(false);
    world.socket.open();
    expect(service.send({ a: 1 })).toBe(true);
    expect(world.socket.sent).toEqual([{ a: 1 }]);
    world.socket.send = () => {
      throw new Error('closing');
    };
    expect(service.send({ a: 2 })).toBe(false);
    world.socket.end();
    expect(service.send({ a: 3 })).toBe(false);
  });

  it('comes back after reconnectDelay * 2^(attempts - 1), up to the cap', () => {
    make({ reconnectDelay: 1000, maxReconnectDelay: 10_000 }).connect();
    world.socket.end();
    expect([1, 2, 3, 4, 5, 6].map(nextDelay)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  it('takes up to half of a delay off by chance', () => {
    world.chance = 0.999;
    make({ reconnectDelay: 1000 }).connect();
    world.socket.end();
    expect(nextDelay()).toBeCloseTo(500, -1);
    expect(nextDelay()).toBeCloseTo(1000, -1);
  });

  it('begins with the first delay again after a connection that lasted, not after one that broke at once', () => {
    make().connect();
    world.socket.end();
    nextDelay();
    world.pass(2000);
    world.socket.open();
    world.socket.end();
    expect(service.state).toMatchObject({ kind: 'waiting', attempt: 3 });
    world.pass(4000);
    world.socket.open();
    world.pass(6000);
    world.socket.end();
    expect(service.state).toMatchObject({ kind: 'waiting', attempt: 1 });
  });

  it('gives up after the maximum of attempts, says so, and tries again when told', () => {
    make({ maxAttempts: 2 }).connect();
    world.socket.end();
    nextDelay();
    nextDelay();
    expect(service.state).toMatchObject({ kind: 'stopped', reason: 'max_attempts' });
    world.pass(1_000_000);
    expect(world.sockets).toHaveLength(3);
    service.retryNow();
    world.socket.open();
    expect(service.state).toEqual({ kind: 'open' });
  });

  it('takes another maximum while it runs', () => {
    make({ maxAttempts: 1 }).connect();
    service.maxAttempts = 3;
    world.socket.end();
    [1, 2, 3].forEach(nextDelay);
    expect(service.state).toMatchObject({ kind: 'stopped', reason: 'max_attempts' });
  });

  it('tries at once when told, instead of waiting', () => {
    make().connect();
    world.socket.end();
    service.retryNow();
    expect(service.state).toEqual({ kind: 'connecting' });
    world.socket.open();
    world.pass(60_000);
    expect(world.sockets).toHaveLength(2);
  });

  it('stays away after disconnect, and leaves nothing behind', () => {
    make().connect();
    world.socket.open();
    service.expectPings(20);
    const { socket } = world;
    service.disconnect();
    expect(socket.isClosed).toBe(true);
    expect(service.state).toMatchObject({ kind: 'stopped', reason: 'disconnected' });
    world.tell('online');
    world.pass(100_000);
    expect([world.sockets.length, world.pending, world.listening]).toEqual([1, 0, 0]);
  });

  it('gives up a connection that does not open', () => {
    make().connect();
    world.pass(15_000);
    expect(world.socket.isClosed).toBe(true);
    expect(service.state.kind).toBe('waiting');
  });
});

describe('Close codes', () => {
  it.each([1000, 1001, 1006, 4000, 4001, 4003, 4499])('%i: come back', code => {
    make().connect();
    world.socket.open();
    world.socket.end(code);
    expect(service.state.kind).toBe('waiting');
  });

  it.each([
    [4500, 'refused'],
    [4501, 'version'],
    [4999, 'refused']
  ])('%i: stop, %s', (code, reason) => {
    make().connect();
    world.socket.open();
    world.socket.end(code);
    expect(service.state).toMatchObject({ kind: 'stopped', reason });
    world.pass(1_000_000);
    expect(world.sockets).toHaveLength(1);
  });

  it('a server that does not know the subprotocol is another version', () => {
    make({ protocol: PROTOCOL }).connect();
    world.socket.open('');
    expect(service.state).toMatchObject({ kind: 'stopped', reason: 'version' });
    expect((service.state as { message: string }).message).toMatch(/Reload/);
  });
});

describe('A connection that is refused', () => {
  it.each([
    ['absent', /Install tasktree_jupyter/],
    ['refused', /Log in/],
    ['version', /Reload/]
  ] as const)('for good (%s) stops and says what to do', async (reason, message) => {
    make({ whyRefused: () => Promise.resolve(reason) }).connect();
    world.socket.end();
    expect(service.state).toEqual({ kind: 'connecting' });
    await settle();
    expect(service.state).toMatchObject({ kind: 'stopped', reason });
    expect((service.state as { message: string }).message).toMatch(message);
  });

  it('for now comes back', async () => {
    make({ whyRefused: () => Promise.resolve(null) }).connect();
    world.socket.end();
    await settle();
    expect(service.state.kind).toBe('waiting');
  });

  it('does not come back when it was disconnected while asking why', async () => {
    make({ whyRefused: () => Promise.resolve(null) }).connect();
    world.socket.end();
    service.disconnect();
    await settle();
    expect(service.state).toMatchObject({ kind: 'stopped', reason: 'disconnected' });
  });
});

describe('Silence', () => {
  beforeEach(() => {
    make({ protocol: PROTOCOL }).connect();
    world.socket.open();
    service.expectPings(20);
  });

  it('of 2.5 ping intervals means that the connection is dead', () => {
    world.pass(49_999);
    expect(service.state.kind).toBe('open');
    world.pass(1);
    expect(service.state.kind).toBe('waiting');
    expect(world.socket.isClosed).toBe(true);
  });

  it('where a greeting should come means that too', () => {
    make({ protocol: PROTOCOL }).connect();
    world.socket.open();
    world.pass(15_000);
    expect(service.state.kind).toBe('waiting');
  });

  it('is over with every message', () => {
    for (let minute = 0; minute < 10; minute++) {
      world.pass(40_000);
      world.socket.say({ op: 'ping' });
    }
    expect(service.state.kind).toBe('open');
    expect(service.heardAt).toBe(world.now());
  });

  it('while the machine slept is found at once when the page comes back', () => {
    world.sleep(3_600_000);
    world.tell('visibilitychange');
    expect(service.state.kind).toBe('connecting');
    expect(world.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  });

  it('shorter than that is cleared up by asking when the page comes back', () => {
    world.pass(30_000);
    world.tell('visibilitychange');
    expect(world.socket.take('ping')).toHaveLength(1);
    world.socket.say({ op: 'pong' });
    world.pass(10_000);
    expect(service.state.kind).toBe('open');

    world.tell('offline');
    expect(world.socket.take('ping')).toHaveLength(1);
    world.pass(5_000);
    expect(service.state.kind).toBe('connecting');
    expect(world.sockets).toHaveLength(2);
  });

  it('is no matter while the page is hidden', () => {
    world.isAway = true;
    world.tell('visibilitychange');
    expect(world.socket.sent).toEqual([]);
  });

  it('what a dropped socket still says counts for nothing', () => {
    const heard: unknown[] = [];
    service.subscribe(message => heard.push(message));
    const { socket } = world;
    world.pass(50_000);
    socket.say({ op: 'ping' });
    socket.end(4500);
    expect(heard).toEqual([]);
    expect(service.state.kind).toBe('waiting');
  });
});

describe('When the network or the page is back', () => {
  it('a waiting service tries at once', () => {
    make().connect();
    world.socket.end();
    world.tell('online');
    expect(service.state).toEqual({ kind: 'connecting' });
  });

  it('one that was refused or gave up tries once more', () => {
    make({ maxAttempts: 0 }).connect();
    world.socket.end();
    expect(service.state).toMatchObject({ reason: 'max_attempts' });
    world.tell('visibilitychange');
    world.socket.open();
    world.socket.end(4500);
    world.tell('visibilitychange');
    expect(world.sockets).toHaveLength(3);
  });

  it('one of another version does not', () => {
    make().connect();
    world.socket.open();
    world.socket.end(4501);
    world.tell('online');
    expect(world.sockets).toHaveLength(1);
  });
});

describe('A machine that was asleep', () => {
  const HOURS = 3 * 3_600_000;

  function open(): void {
    make({ protocol: PROTOCOL }).connect();
    world.socket.open();
    service.expectPings(20);
    world.pass(1000);
  }

  it.each(['online', 'visibilitychange', 'pageshow'] as const)(
    'comes back at once on "%s", though every timer stood still',
    event => {
      open();
      world.suspend(HOURS);
      world.tell(event);
      expect(service.state.kind).toBe('connecting');
      world.socket.open();
      expect(service.state.kind).toBe('open');
    }
  );

  it('comes back by itself within 5 s where the page is told nothing', () => {
    open();
    world.suspend(HOURS);
    world.pass(5000);
    expect(world.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    world.socket.open();
    expect(service.state.kind).toBe('open');
  });

  it('doesn’t wait for the rest of a delay', () => {
    make({ reconnectDelay: 30_000 }).connect();
    world.socket.end();
    world.suspend(HOURS);
    world.pass(5000);
    expect(service.state).toEqual({ kind: 'connecting' });
  });

  it('gives up an attempt that was begun before', () => {
    make().connect();
    world.suspend(HOURS);
    world.tell('online');
    expect(world.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    expect(service.state).toEqual({ kind: 'connecting' });
  });

  it('for a moment only asks the server, and doubts the connection until it answers', () => {
    open();
    world.suspend(30_000);
    expect(service.isDoubtful).toBe(false);
    world.pass(5000);
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', true]);
    expect(world.socket.take('ping')).toHaveLength(1);
    const told = states.length;
    world.socket.say({ op: 'pong' });
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', false]);
    expect(states.length).toBe(told + 1);
  });

  it('when the network goes, asks the server, and believes no longer than 1 s without an answer', () => {
    open();
    world.socket.say({ op: 'pong' });
    world.tell('offline');
    expect(world.socket.take('ping')).toHaveLength(1);
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', false]);
    const told = states.length;
    world.pass(1000);
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', true]);
    expect(states.length).toBe(told + 1);
    world.socket.say({ op: 'pong' });
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', false]);
    expect(states.length).toBe(told + 2);
  });

  it('asks when the server’s ping is overdue, and believes no longer than 1 s without an answer', () => {
    open();
    world.pass(22_000);
    expect(world.socket.take('ping')).toEqual([]);
    world.pass(1_500);
    expect(world.socket.take('ping')).toHaveLength(1);
    expect(service.isDoubtful).toBe(false);
    world.pass(1_000);
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', true]);
    world.socket.say({ op: 'ping' });
    expect([service.state.kind, service.isDoubtful]).toEqual(['open', false]);
    world.pass(24_500);
    expect(world.socket.take('ping')).toHaveLength(1);
    world.pass(26_000);
    expect(service.state).toMatchObject({ kind: 'waiting', attempt: 1 });
  });

  it('connects anew after 5 s without an answer, and counts from the first delay where that fails', () => {
    open();
    world.suspend(30_000);
    world.tell('visibilitychange');
    world.pass(5000);
    expect(service.state.kind).toBe('connecting');
    world.socket.end();
    expect(service.state).toMatchObject({ kind: 'waiting', attempt: 1 });
  });

  it('a plain client, which can’t ask, believes no connection after a long sleep', () => {
    make().connect();
    world.socket.open();
    world.suspend(20_000);
    world.pass(5000);
    expect(world.sockets).toHaveLength(1);
    world.suspend(40_000);
    world.pass(5000);
    expect(world.sockets.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  });

  it('a hidden page waits until it is shown', () => {
    open();
    world.isAway = true;
    world.suspend(30_000);
    world.pass(5000);
    expect(world.socket.take('ping')).toEqual([]);
    world.isAway = false;
    world.tell('visibilitychange');
    expect(world.socket.take('ping')).toHaveLength(1);
  });

  it('a clock that is set back is no sleep', () => {
    open();
    world.suspend(-3_600_000);
    world.pass(10_000);
    expect([service.state.kind, world.sockets.length, world.socket.take('ping').length]).toEqual([
      'open',
      1,
      0
    ]);
  });
});
