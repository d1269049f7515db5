import { describe, expect, it, vi } from 'vitest';

import { HubError, hubAt } from '../../src/core/hub.js';
import { TaskTree } from '../../src/core/tree.js';
import {
  connect,
  event,
  followed,
  GRACE,
  hub,
  info,
  PAINT,
  serve,
  SOCKET,
  welcome,
  world,
  eachWithItsOwnHub
} from './hub-server.js';
import { settle } from './world.js';

eachWithItsOwnHub();

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

  it('is not called live on a new connection before that has told what there is now', () => {
    const list = hub.watchProjects();
    connect();
    world.socket.say({ op: 'projects', full: true, projects: [info('a')], removed: [] });
    world.socket.end();
    world.pass(1000);
    connect();
    expect(list.status).toBe('catching-up');
    expect(list.projects.map(({ project_id }) => project_id)).toEqual(['a']);
    world.socket.say({ op: 'projects', full: true, projects: [info('b')], removed: [] });
    expect(list.status).toBe('live');
  });

  it('is asked for again a little later where it was refused for the time being', () => {
    const list = hub.watchProjects();
    connect();
    const [watch] = world.socket.take('watch');
    world.socket.say({ op: 'error', ref: watch!.ref, code: 'storage', message: 'locked', retry: true });
    expect([list.status, list.error]).toEqual(['refused', 'locked']);
    world.pass(5_000);
    const [again, ...more] = world.socket.take('watch');
    expect(more).toEqual([]);
    world.socket.say({ op: 'projects', ref: again!.ref, full: true, projects: [], removed: [] });
    expect([list.status, list.error]).toEqual(['live', null]);
    world.pass(60_000);
    expect(world.socket.take('watch')).toEqual([]);
  });

  it('is asked for again by Retry where it was refused for good, and not by itself', () => {
    const list = hub.watchProjects();
    connect();
    const [watch] = world.socket.take('watch');
    world.socket.say({ op: 'error', ref: watch!.ref, code: 'forbidden', message: 'no', retry: false });
    world.pass(15_000);
    expect(world.socket.take('watch')).toEqual([]);
    hub.retryNow();
    expect(world.socket.take('watch')).toHaveLength(1);
    world.socket.say({ op: 'projects', full: true, projects: [], removed: [] });
    hub.retryNow();
    expect(world.socket.take('watch')).toEqual([]);
    expect(list.status).toBe('live');
  });

  it('that was refused is offline like all else when the connection is gone, and nobody asks for it', () => {
    const list = hub.watchProjects();
    connect();
    const first = world.socket;
    first.say({ op: 'projects', full: true, projects: [info('a')], removed: [] });
    first.end();
    world.pass(1000);
    connect();
    const [watch] = world.socket.take('watch');
    world.socket.say({ op: 'error', ref: watch!.ref, code: 'busy', message: 'busy', retry: true });
    const second = world.socket;
    second.end();
    expect([list.status, list.error]).toEqual(['offline', null]);
    while (world.socket === second) {
      world.pass(500);
    }
    connect();
    expect(world.socket.take('watch')).toHaveLength(1);
    world.pass(5_000);
    expect(world.socket.take('watch')).toEqual([]);
  });

  it('that was refused is forgotten with the last who looks', () => {
    const list = hub.watchProjects();
    connect();
    const [watch] = world.socket.take('watch');
    list.close();
    world.pass(GRACE - 1);
    world.socket.say({ op: 'error', ref: watch!.ref, code: 'busy', message: 'busy', retry: true });
    world.pass(1 + PAINT);
    expect(world.pending).toBe(0);
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
