import { describe, expect, it } from 'vitest';

import { FOLD_VERSION, TaskTree } from '../../src/core/tree.js';
import {
  connect,
  event,
  followed,
  GRACE,
  hub,
  PAINT,
  serve,
  welcome,
  world,
  eachWithItsOwnHub
} from './hub-server.js';

eachWithItsOwnHub();

describe('A followed project', () => {
  it('goes from connecting over catching up to live', () => {
    const follow = hub.follow('p');
    const seen = [follow.status];
    world.socket.open();
    seen.push(follow.status);
    welcome();
    seen.push(follow.status);
    const [subscribe] = world.socket.take('subscribe');
    world.socket.say({
      ...{ op: 'subscribed', project_id: 'p', epoch: 'e', offset: 0, recovered: false },
      ref: subscribe!.ref
    });
    seen.push(follow.status);
    expect(seen).toEqual(['connecting', 'connecting', 'connecting', 'catching-up']);
    expect(follow.tree).toBeNull();
  });

  it('is live with its tree, and grows with the log', () => {
    const follow = followed();
    expect([follow.status, follow.epoch, follow.info?.project_id]).toEqual(['live', 'e', 'p']);
    const { tree } = follow;
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(2, 'Fit')] });
    expect(follow.tree).toBe(tree);
    expect(follow.tree?.node('n')).toMatchObject({ title: 'Fit' });
    expect(follow.heardAt).toBe(world.now());
  });

  it('is asked for once, whoever looks, and left shortly after the last one closed', () => {
    const one = followed();
    const other = hub.follow('p');
    expect(other.tree).toBe(one.tree);
    expect(serve()).toEqual([]);
    one.close();
    one.close();
    world.pass(GRACE);
    expect(world.socket.take('unsubscribe')).toEqual([]);
    other.close();
    world.pass(GRACE - 1);
    expect(world.socket.take('unsubscribe')).toEqual([]);
    const { socket } = world;
    world.pass(1);
    expect(socket.take('unsubscribe')).toHaveLength(1);
    expect(socket.isClosed).toBe(true);
    expect(hub.connection).toMatchObject({ kind: 'stopped', reason: 'disconnected' });
  });

  it('is kept when somebody comes in time', () => {
    const one = followed();
    const { tree } = one;
    one.close();
    world.pass(GRACE - 1);
    const again = hub.follow('p');
    world.pass(10 * GRACE);
    world.socket.say({ op: 'ping' });
    expect([again.status, again.tree]).toEqual(['live', tree]);
    expect(world.sockets).toHaveLength(1);
  });

  it('is offline with its last tree when the connection is lost, and goes on from there', () => {
    const follow = followed();
    const { tree } = follow;
    world.socket.end();
    expect([follow.status, follow.tree]).toEqual(['offline', tree]);
    world.pass(1000);
    expect(follow.status).toBe('offline');
    world.socket.open();
    welcome();
    expect(follow.status).toBe('catching-up');
    expect(serve()).toMatchObject([{ op: 'subscribe', since: { epoch: 'e', offset: 1, at: 1 } }]);
    expect([follow.status, follow.tree]).toEqual(['live', tree]);
  });

  it('is never called live after 2.5 ping intervals of silence, even before a timer could tell', () => {
    const follow = followed();
    world.sleep(49_999);
    expect(follow.status).toBe('live');
    world.sleep(1);
    expect(follow.status).toBe('offline');
  });

  it('is not called live while it is asked whether the connection outlived a sleep', () => {
    const follow = followed();
    world.suspend(30_000);
    world.tell('pageshow');
    expect(follow.status).toBe('catching-up');
    world.socket.say({ op: 'pong' });
    expect(follow.status).toBe('live');
  });

  it('with a hole in what came is not live until the server has filled it, which it is asked for', () => {
    const follow = followed();
    const heard: string[] = [];
    follow.subscribe(() => heard.push(follow.status));
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(3, 'C')] });
    world.pass(PAINT);
    expect([follow.status, heard]).toEqual(['catching-up', ['catching-up']]);
    const frames = world.socket.take();
    expect(frames).toMatchObject([
      { op: 'unsubscribe', project_id: 'p' },
      { op: 'subscribe', project_id: 'p', since: { epoch: 'e', offset: 1, at: 1 } }
    ]);
    const { ref } = frames[1]!;
    world.socket.say({ op: 'live', project_id: 'p', offset: 3 });
    expect(follow.status).toBe('catching-up');
    world.socket.say({ op: 'subscribed', ref, project_id: 'p', epoch: 'e', offset: 3, recovered: true });
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(2, 'B'), event(3, 'C')] });
    world.socket.say({ op: 'live', project_id: 'p', offset: 3 });
    expect([follow.status, follow.tree?.offset, follow.tree?.node('n')?.title]).toEqual(['live', 3, 'C']);
  });

  it.each([
    ['epoch', 'e2', 1],
    ['trimmed', 'e', 900],
    ['ahead', 'e', 1],
    ['slow', 'e', 900],
    ['that it missed too much', 'e', 900]
  ])(
    'that can’t be resumed (%s) takes the state as it is, keeps its last tree until then',
    (reason, epoch, offset) => {
      const follow = followed();
      const before = follow.tree;
      world.socket.end();
      world.pass(1000);
      world.socket.open();
      welcome();
      const { ref } = world.socket.take('subscribe')[0]!;
      world.socket.say({ op: 'subscribed', ref, project_id: 'p', epoch, offset, recovered: false });
      if (!reason.includes(' ')) {
        world.socket.say({ op: 'resync', project_id: 'p', reason });
      }
      expect([follow.status, follow.tree]).toEqual(['catching-up', before]);
      const state = { ...new TaskTree().state(), offset, at: offset };
      const nodes = [{ node_id: 'other', status: 'running' }];
      world.socket.say({
        op: 'snapshot',
        project_id: 'p',
        epoch,
        offset,
        at: offset,
        part: 0,
        parts: 1,
        state,
        nodes
      });
      expect(follow.status).toBe('catching-up');
      world.socket.say({ op: 'live', project_id: 'p', offset });
      expect([follow.status, follow.epoch, follow.tree?.offset]).toEqual(['live', epoch, offset]);
      expect([follow.tree?.node('n'), follow.tree?.node('other')?.status]).toEqual([undefined, 'running']);
      // The next time it goes on from there.
      world.socket.end();
      world.pass(2000);
      world.socket.open();
      welcome();
      expect(world.socket.take('subscribe')).toMatchObject([{ since: { epoch, offset, at: offset } }]);
    }
  );

  it.each(['x', 'ü', '語'])('acknowledges what it took in, in bytes (%s)', letter => {
    followed();
    let unacknowledged = 0;
    for (let offset = 2; offset < 200; offset++) {
      const frame = {
        op: 'events',
        project_id: 'p',
        epoch: 'e',
        events: [event(offset, letter.repeat(1000))]
      };
      unacknowledged += new TextEncoder().encode(JSON.stringify(frame)).length;
      world.socket.say(frame);
      if (world.socket.take('ack').length > 0) {
        unacknowledged = 0;
      }
      expect(unacknowledged).toBeLessThan(65_536);
    }
  });

  it('answers pings', () => {
    followed();
    world.socket.say({ op: 'ping' });
    expect(world.socket.take()).toEqual([{ op: 'pong' }]);
  });

  it('that was deleted is gone, keeps its last tree, and is asked for again in case it returns', () => {
    const follow = followed();
    world.socket.say({ op: 'gone', project_id: 'p' });
    expect(follow.status).toBe('gone');
    expect(follow.error).toMatch(/deleted/);
    expect(follow.tree?.node('n')).toBeDefined();
    world.pass(5_000);
    const [again] = world.socket.take('subscribe');
    world.socket.say({
      op: 'error',
      ref: again!.ref,
      code: 'not_found',
      message: 'No project p',
      retry: true
    });
    expect([follow.status, follow.error]).toEqual(['gone', expect.stringContaining('no such project')]);
    world.pass(5_000);
    serve();
    expect([follow.status, follow.error]).toEqual(['live', null]);
  });

  it('that may not be read is refused, with the reason, until there is another connection', () => {
    const follow = hub.follow('p');
    connect();
    const [asked] = world.socket.take('subscribe');
    world.socket.say({
      op: 'error',
      ref: asked!.ref,
      code: 'forbidden',
      message: 'You may not read p',
      retry: false
    });
    expect([follow.status, follow.error]).toEqual(['refused', 'You may not read p']);
    world.pass(40_000);
    expect(world.socket.take('subscribe')).toEqual([]);
    world.socket.end();
    world.pass(1000);
    connect();
    serve();
    expect(follow.status).toBe('live');
  });

  it('that the server cannot serve now is asked for again', () => {
    const follow = hub.follow('p');
    connect();
    const [asked] = world.socket.take('subscribe');
    world.socket.say({
      op: 'error',
      ref: asked!.ref,
      code: 'storage',
      message: 'The disk is full',
      retry: true
    });
    expect([follow.status, follow.error]).toEqual(['catching-up', 'The disk is full']);
    world.pass(2_000);
    serve();
    expect([follow.status, follow.error]).toEqual(['live', null]);
  });

  it('of a server with a newer fold shows states, and asks for a new one instead of folding on', () => {
    const follow = hub.follow('p');
    connect();
    serve(world.socket, FOLD_VERSION + 1);
    world.socket.take();
    expect(follow.status).toBe('live');
    const { tree } = follow;
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(2, 'Fit')] });
    expect([follow.status, follow.tree?.offset]).toEqual(['catching-up', 1]);
    world.pass(5_000);
    expect(serve(world.socket, FOLD_VERSION + 1)).toMatchObject([
      { op: 'unsubscribe' },
      { op: 'subscribe', since: null }
    ]);
    expect(follow.status).toBe('live');
    expect(follow.tree).not.toBe(tree);
  });
});
