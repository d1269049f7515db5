import { beforeEach, describe, expect, it, vi } from 'vitest';

import { HubError, hubAt, TabHub, type Follow, type ProjectInfo } from '../../src/core/hub.js';
import { FOLD_VERSION, TaskTree } from '../../src/core/tree.js';
import { settle, World, type FakeSocket } from './world.js';

const SOCKET = 'ws://127.0.0.1:8888/user/ada/tasktree/ws/updates';
const PAINT = 16;
const GRACE = 3_000;

let world: World;
let hub: TabHub;

beforeEach(() => {
  world = new World();
  hub = new TabHub(SOCKET, { environment: world });
});

function event(offset: number, title: string) {
  const data = { node_id: 'n', changes: { title } };
  return { type: 'node_update', data, timestamp: '2026-01-31T14:02:11Z', source: null, offset, at: offset };
}

function info(id: string, at = 1): ProjectInfo {
  return { project_id: id, kind: 'named', created_at: 0, offset: at, at, missions: [], missions_total: 0 };
}

/** Plays the server: answers each frame that was sent since. */
function serve(socket: FakeSocket = world.socket, fold = FOLD_VERSION): Record<string, unknown>[] {
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

function welcome(protocol = 1): void {
  world.socket.say({ op: 'welcome', protocol, limits: { ping_interval: 20 } });
}

function connect(): void {
  world.socket.open();
  welcome();
}

function followed(): Follow {
  const follow = hub.follow('p');
  connect();
  serve();
  world.socket.take();
  return follow;
}

describe('What passes by', () => {
  it('is handed on, and what tasks measured is kept, until a state comes in its place', () => {
    const follow = followed();
    const heard: (number[] | null)[] = [];
    follow.stream!.subscribe(events => heard.push(events?.map(({ offset }) => offset) ?? null));
    const measured = { ...event(2, 'N'), data: { node_id: 'n', changes: { metrics: { x: 1 } } } };
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [measured, event(3, 'M')] });
    expect(heard).toEqual([[2, 3]]);
    expect(follow.stream!.series.of('n')?.metrics.get('x')).toHaveLength(1);
    world.socket.end();
    world.pass(60_000);
    connect();
    world.socket.say({ op: 'resync', project_id: 'p', reason: 'slow' });
    const { ref } = world.socket.take('subscribe')[0]!;
    const position = { project_id: 'p', epoch: 'e', offset: 9 };
    world.socket.say({ op: 'subscribed', ref, ...position, recovered: false, info: null });
    const state = { ...new TaskTree().state(), offset: 9 };
    world.socket.say({ op: 'snapshot', ...position, at: 9, part: 0, parts: 1, state, nodes: [] });
    expect(heard).toEqual([[2, 3], null]);
    expect(follow.stream!.series.size).toBe(0);
  });

  it('is what the rows of all who follow ask about, at the socket’s own server', async () => {
    const follow = followed();
    world.answer = { status: 200, body: { epoch: 'e', series: [], next: null } };
    follow.backfill!.want('n');
    world.pass(300);
    await settle();
    expect(await hub.history.seriesOf('p', ['n'])).toEqual({ epoch: 'e', series: [], next: null });
  });
});

describe('How the server keeps data', () => {
  it('is told at the welcome and whenever it changes, and not known without a connection', () => {
    hub.follow('p');
    world.socket.open();
    const full = { kind: 'full', message: 'The disk is full.' };
    world.socket.say({ op: 'welcome', protocol: 1, limits: { ping_interval: 20 }, storage: full });
    expect(hub.storage).toEqual(full);
    const seen = hub.getVersion();
    world.socket.say({ op: 'storage', kind: 'ok', message: null });
    world.pass(20);
    expect(hub.storage).toBeNull();
    expect(hub.getVersion()).toBeGreaterThan(seen);
    world.socket.say({ op: 'storage', ...full });
    expect(hub.storage).toEqual(full);
    world.socket.end();
    expect(hub.storage).toBeNull();
    world.pass(1_000);
    connect();
    expect(hub.storage).toBeNull();
  });
});

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

describe('Listeners', () => {
  it('are called once a paint, however much happened, with a higher version', () => {
    const follow = followed();
    world.pass(PAINT);
    const versions: number[] = [];
    const stop = follow.subscribe(() => versions.push(follow.getVersion()));
    const before = follow.getVersion();
    for (let offset = 2; offset < 50; offset++) {
      world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(offset, 'x')] });
    }
    expect(versions).toEqual([]);
    world.pass(PAINT);
    expect(versions).toEqual([before + 1]);
    world.pass(1000);
    stop();
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(50, 'x')] });
    world.pass(PAINT);
    expect(versions).toHaveLength(1);
  });

  it('of one project hear nothing of another', () => {
    followed();
    const other = hub.follow('q');
    serve();
    world.pass(PAINT);
    let calls = 0;
    other.subscribe(() => calls++);
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(2, 'x')] });
    world.pass(PAINT);
    expect(calls).toBe(0);
  });

  it('hear when the connection changes', () => {
    const follow = followed();
    world.pass(PAINT);
    let calls = 0;
    follow.subscribe(() => calls++);
    hub.subscribe(() => calls++);
    world.socket.end();
    world.pass(PAINT);
    expect(calls).toBe(2);
  });
});

describe('The list of projects', () => {
  it('is watched once, kept up to date, newest change first, and asked for again on a new connection', () => {
    const list = hub.watchProjects();
    hub.watchProjects();
    expect(list.status).toBe('connecting');
    connect();
    const [watch, ...more] = world.socket.take('watch');
    expect(more).toEqual([]);
    world.socket.say({
      op: 'projects',
      ref: watch!.ref,
      full: true,
      projects: [info('a', 1), info('b', 2)],
      removed: []
    });
    expect(list.status).toBe('live');
    world.socket.say({
      op: 'projects',
      ref: watch!.ref,
      full: false,
      projects: [info('c', 3), info('a', 4)],
      removed: ['b']
    });
    expect(list.projects.map(({ project_id }) => project_id)).toEqual(['a', 'c']);
    world.socket.end();
    expect(list.status).toBe('offline');
    world.pass(1000);
    connect();
    expect(world.socket.take('watch')).toHaveLength(1);
    world.socket.say({ op: 'projects', ref: 9, full: true, projects: [info('d')], removed: [] });
    expect(list.projects.map(({ project_id }) => project_id)).toEqual(['d']);
  });

  it('ends with unwatch', () => {
    const list = hub.watchProjects();
    connect();
    const { socket } = world;
    const [watch] = socket.take('watch');
    list.close();
    world.pass(GRACE);
    expect(socket.take('unwatch')).toMatchObject([{ ref: watch!.ref }]);
    expect(socket.isClosed).toBe(true);
  });

  it('tells a follow of its project, also that it is there again', () => {
    hub.watchProjects();
    const follow = followed();
    world.socket.say({ op: 'gone', project_id: 'p' });
    world.socket.say({ op: 'projects', full: false, projects: [info('p', 77)], removed: [] });
    expect(follow.info?.at).toBe(77);
    serve();
    expect(follow.status).toBe('live');
  });
});

describe('Publishing and resolving', () => {
  it('connects for it, and answers with what the server said', async () => {
    const published = hub.publish({ type: 'mission_snapshot', project_id: 'p', data: { snapshot_id: 's' } });
    connect();
    const [frame] = world.socket.take('publish');
    expect(frame).toMatchObject({ project_id: 'p', events: [{ type: 'mission_snapshot' }] });
    world.socket.say({
      op: 'published',
      ref: frame!.ref,
      project_id: 'p',
      upto: null,
      epoch: 'e',
      offset: 7,
      duplicates: 0,
      rejected: []
    });
    await expect(published).resolves.toMatchObject({ offset: 7, rejected: [] });
    world.pass(PAINT);
    expect(world.pending).toBe(0);
  });

  it('rejects with the code and the message of an error', async () => {
    const resolved = hub.resolve({ kernelId: 'k' });
    connect();
    const [frame] = world.socket.take('resolve');
    expect(frame).toMatchObject({ kernel_id: 'k' });
    world.socket.say({
      op: 'error',
      ref: frame!.ref,
      code: 'not_found',
      message: 'No such kernel',
      retry: false
    });
    await expect(resolved).rejects.toMatchObject({
      code: 'not_found',
      message: 'No such kernel',
      retry: false
    });
  });

  it('asks a question again after a lost connection, but never publishes twice', async () => {
    followed();
    const resolved = hub.resolve({ path: 'a.py' });
    const published = hub.publish({ type: 'x', data: {} });
    expect(world.socket.take().map(({ op }) => op)).toEqual(['resolve', 'publish']);
    world.socket.end();
    await expect(published).rejects.toBeInstanceOf(HubError);
    world.pass(1000);
    connect();
    const again = world.socket.take().filter(({ op }) => op !== 'subscribe');
    expect(again.map(({ op }) => op)).toEqual(['resolve']);
    world.socket.say({ op: 'resolved', ref: again[0]!.ref, project_id: 'p', info: null });
    await expect(resolved).resolves.toMatchObject({ project_id: 'p' });
  });

  it('gives up when the server is not reached in time', async () => {
    const resolved = hub.resolve({ kernelId: 'k' });
    world.pass(15_000);
    await expect(resolved).rejects.toMatchObject({ code: 'offline', retry: true });
  });
});

describe('A hub that cannot', () => {
  it.each([
    [404, undefined, 'absent', /Install tasktree_jupyter/],
    [403, undefined, 'refused', /Log in/],
    [401, undefined, 'refused', /Log in/],
    [200, { protocol: 2 }, 'version', /Reload/]
  ])('connect (HTTP %i, %j) says to every follow what to do', async (status, body, reason, message) => {
    world.answer = { status, body };
    const follow = hub.follow('p');
    world.socket.end();
    await settle();
    expect(hub.connection).toMatchObject({ kind: 'stopped', reason });
    expect(follow.status).toBe('offline');
    expect(follow.error).toMatch(message);
    hub.follow('q');
    expect(world.sockets).toHaveLength(1);
    hub.retryNow();
    connect();
    serve();
    expect([follow.status, follow.error]).toEqual(['live', null]);
  });

  it.each([
    null,
    { status: 503, body: undefined },
    { status: 200, body: { protocol: 1 } },
    { status: 200, body: 'x' }
  ])('connect now (%j) waits and tries again', async answer => {
    world.answer = answer;
    const follow = hub.follow('p');
    world.socket.end();
    await settle();
    expect([hub.connection.kind, follow.status]).toEqual(['waiting', 'offline']);
  });

  it('speak the protocol says to reload the page', () => {
    const follow = hub.follow('p');
    world.socket.open();
    welcome(2);
    expect(hub.connection).toMatchObject({ kind: 'stopped', reason: 'version' });
    expect(follow.error).toMatch(/Reload/);
  });

  it('make sense of a frame goes on with the next', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const follow = followed();
    world.socket.say([1]);
    world.socket.say({ op: 7 });
    world.socket.say({ op: 'projects' });
    world.socket.say({ op: 'events', project_id: 'p', epoch: 'e', events: [event(2, 'Fit')] });
    expect(follow.tree?.offset).toBe(2);
    error.mockRestore();
  });
});

describe('hubAt', () => {
  it('gives one hub for a server, to every bundle on the page', () => {
    const one = hubAt(SOCKET, { environment: world });
    expect(hubAt(`${SOCKET}?token=secret`)).toBe(one);
    expect(hubAt('ws://127.0.0.1:8888/user/bob/tasktree/ws/updates', { environment: world })).not.toBe(one);
    const registry = (globalThis as Record<string, unknown>)['tasktree.hub.v1'] as Map<string, unknown>;
    expect([...registry.values()]).toContain(one);
  });
});
