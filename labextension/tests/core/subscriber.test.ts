import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { Project } from '../../src/core/project.js';
import type { ClientFrame, Frame } from '../../src/core/protocol.js';
import { Subscriber, type Delivery } from '../../src/core/subscriber.js';
import { TaskTree } from '../../src/core/tree.js';
import { canonical, whole } from './naive.js';
import { sequence, type LogEvent } from './sequences.js';
import { runs } from '../seeded.js';

const WELCOME: Frame = { op: 'welcome', protocol: 1, limits: { ping_interval: 20 } };

let subscriber: Subscriber;
let sent: ClientFrame[];
let delivered: Delivery[];

function feed(...frames: Frame[]): void {
  for (const frame of frames) {
    const { deliver, send } = subscriber.receive(frame, JSON.stringify(frame).length);
    delivered.push(...deliver);
    sent.push(...send);
  }
}

function lastRef(): number {
  const asked = sent.filter(frame => frame.op === 'subscribe').at(-1);
  return asked?.op === 'subscribe' ? asked.ref : -1;
}

function event(offset: number, title = `t${offset}`): LogEvent {
  const data = { node_id: 'n', changes: { title } };
  return {
    type: 'node_update',
    data,
    timestamp: '2026-01-31T14:02:11Z',
    source: null,
    offset,
    at: offset * 10
  };
}

function events(from: number, to: number, epoch = 'e'): Frame {
  const list = Array.from({ length: to - from + 1 }, (_, index) => event(from + index));
  return { op: 'events', project_id: 'p', epoch, events: list };
}

function subscribed(recovered: boolean, epoch = 'e', offset = 0): Frame {
  return {
    op: 'subscribed',
    ref: lastRef(),
    project_id: 'p',
    epoch,
    offset,
    recovered,
    info: { project_id: 'p' }
  };
}

function snapshot(offset: number, part = 0, parts = 1, epoch = 'e'): Frame {
  const state = { ...new TaskTree().state(), offset, at: offset * 10 };
  const nodes = [{ node_id: `s${part}`, status: 'draft' }];
  const frame = { op: 'snapshot', project_id: 'p', epoch, offset, at: offset * 10, part, parts, nodes };
  return part === 0 ? { ...frame, state } : frame;
}

const live = (offset: number): Frame => ({ op: 'live', project_id: 'p', offset });
const kinds = () => delivered.map(({ kind }) => kind);
const offsets = () =>
  delivered.flatMap(delivery =>
    delivery.kind === 'events' ? delivery.events.map(({ offset }) => offset) : []
  );

/** Follows p from a snapshot at 5, live. */
function follow(): void {
  feed(WELCOME);
  sent.push(...subscriber.follow('p'));
  feed(subscribed(false), snapshot(5), live(5));
  sent = [];
  delivered = [];
}

beforeEach(() => {
  subscriber = new Subscriber();
  sent = [];
  delivered = [];
});

describe('Following a project', () => {
  it('asks for it when the server has said welcome, with no position the first time', () => {
    expect(subscriber.follow('p')).toEqual([]);
    feed(WELCOME);
    expect(sent).toEqual([{ op: 'subscribe', ref: 1, project_id: 'p', since: null }]);
    expect(subscriber.follow('q')).toEqual([{ op: 'subscribe', ref: 2, project_id: 'q', since: null }]);
  });

  it('delivers the state, then events, then that it is live', () => {
    feed(WELCOME);
    sent = subscriber.follow('p');
    feed(subscribed(false), snapshot(5), events(6, 8), live(8));
    expect(kinds()).toEqual(['subscribed', 'snapshot', 'events', 'live']);
    expect(subscriber.position('p')).toEqual({ epoch: 'e', offset: 8, at: 80 });
  });

  it('asks on the next connection to go on from where it stood', () => {
    follow();
    feed(events(6, 7));
    subscriber.closed();
    expect(subscriber.unfollow('q')).toEqual([]);
    feed(WELCOME);
    expect(sent.at(-1)).toMatchObject({ op: 'subscribe', since: { epoch: 'e', offset: 7, at: 70 } });
    feed(subscribed(true), events(8, 9), live(9));
    expect(offsets()).toEqual([6, 7, 8, 9]);
  });

  it('says once an event that comes twice', () => {
    follow();
    feed(events(6, 8), events(7, 9));
    expect(offsets()).toEqual([6, 7, 8, 9]);
    expect(sent).toEqual([]);
  });

  it('stops when told', () => {
    follow();
    expect(subscriber.unfollow('p')).toMatchObject([{ op: 'unsubscribe', project_id: 'p' }]);
    feed(events(6, 6));
    expect(delivered).toEqual([]);
  });
});

describe('What does not follow on', () => {
  it('a hole is asked for, and what is still under way from before is passed over', () => {
    follow();
    feed(events(8, 9), events(10, 10));
    expect(sent).toMatchObject([{ op: 'unsubscribe' }, { op: 'subscribe', since: { offset: 5 } }]);
    feed({ ...subscribed(true), ref: 0 }, events(6, 6));
    expect(offsets()).toEqual([]);
    feed(subscribed(true), events(6, 10), live(10));
    expect(offsets()).toEqual([6, 7, 8, 9, 10]);
  });

  it.each([
    ['another epoch', () => events(6, 6, 'other')],
    ['live beyond what was sent', () => live(7)],
    ['a later part of a snapshot without its first', () => snapshot(9, 1, 2)],
    ['events that are no array', (): Frame => ({ op: 'events', project_id: 'p', epoch: 'e', events: 7 })],
    ['an event without an offset', (): Frame => ({ op: 'events', project_id: 'p', epoch: 'e', events: [{}] })]
  ])('%s is asked for again', (_name, frame) => {
    follow();
    feed(frame());
    expect(sent.map(({ op }) => op)).toEqual(['unsubscribe', 'subscribe']);
    expect(subscriber.position('p')?.offset).toBe(5);
  });

  it('time after time: first from where it stands, then from a snapshot, and then it is given up', () => {
    follow();
    const since = [];
    for (let hole = 1; hole <= 3; hole++) {
      feed(events(50, 50));
      const asked = sent.at(-1);
      since.push(asked?.op === 'subscribe' ? asked.since?.offset : undefined);
      feed(subscribed(false));
    }
    expect(since).toEqual([5, undefined, undefined]);
    feed(events(50, 50));
    expect(delivered.at(-1)).toMatchObject({ kind: 'refused', code: 'continuity', retry: true });
    expect(subscriber.isFollowing('p')).toBe(false);
  });

  it('recovered in another epoch is not believed', () => {
    follow();
    subscriber.closed();
    feed(WELCOME);
    feed(subscribed(true, 'other'));
    expect(sent.slice(-2).map(({ op }) => op)).toEqual(['unsubscribe', 'subscribe']);
  });
});

describe('A snapshot in parts', () => {
  it('is delivered whole, and each part is acknowledged', () => {
    feed(WELCOME);
    sent = subscriber.follow('p');
    feed(subscribed(false), snapshot(9, 0, 3), snapshot(9, 1, 3));
    expect(kinds()).toEqual(['subscribed']);
    feed(snapshot(9, 2, 3));
    expect(delivered.at(-1)).toMatchObject({
      kind: 'snapshot',
      nodes: [{ node_id: 's0' }, { node_id: 's1' }, { node_id: 's2' }]
    });
    expect(sent.filter(({ op }) => op === 'ack')).toEqual(
      Array(3).fill({ op: 'ack', project_id: 'p', offset: 9 })
    );
  });

  it('that was cut starts again', () => {
    feed(WELCOME);
    sent = subscriber.follow('p');
    feed(subscribed(false), snapshot(9, 0, 2), { op: 'resync', project_id: 'p', reason: 'slow' });
    feed(snapshot(20, 0, 2), snapshot(20, 1, 2));
    expect(delivered.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1);
    expect(subscriber.position('p')?.offset).toBe(20);
  });

  it('whose part is missing is asked for again', () => {
    feed(WELCOME);
    sent = subscriber.follow('p');
    feed(subscribed(false), snapshot(9, 0, 3), snapshot(9, 2, 3));
    expect(sent.slice(-2).map(({ op }) => op)).toEqual(['unsubscribe', 'subscribe']);
  });
});

describe('Acknowledgements', () => {
  it('go out at least every 64 KiB', () => {
    follow();
    const acks = [];
    let size = 0;
    for (let offset = 6; offset < 300; offset++) {
      const frame = { op: 'events', project_id: 'p', epoch: 'e', events: [event(offset, 'x'.repeat(1000))] };
      size += JSON.stringify(frame).length;
      feed(frame);
      const ack = sent.pop();
      if (ack) {
        acks.push([ack, size]);
        size = 0;
      }
    }
    expect(acks.length).toBeGreaterThan(3);
    for (const [ack, bytes] of acks) {
      expect(ack).toMatchObject({ op: 'ack', project_id: 'p' });
      expect(bytes).toBeLessThan(65_536 + 1500);
    }
  });
});

describe('Endings', () => {
  it('gone and refused end the subscription', () => {
    follow();
    feed({ op: 'gone', project_id: 'p' });
    sent = subscriber.follow('p');
    feed({ op: 'error', ref: lastRef(), code: 'forbidden', message: 'no', retry: false });
    expect(delivered).toEqual([
      { kind: 'gone', projectId: 'p' },
      { kind: 'refused', projectId: 'p', code: 'forbidden', message: 'no', retry: false }
    ]);
    expect(subscriber.isFollowing('p')).toBe(false);
  });

  it('another version of the protocol is told once for all', () => {
    subscriber.follow('p');
    feed({ op: 'welcome', protocol: 2 });
    expect(delivered).toMatchObject([{ kind: 'refused', projectId: null, code: 'version' }]);
  });

  it('pings are answered, and what is unknown is passed over', () => {
    follow();
    feed(
      { op: 'ping' },
      { op: 'news', project_id: 'p' },
      { op: 'events', project_id: 'q', epoch: 'e', events: [] }
    );
    expect(sent).toEqual([{ op: 'pong' }]);
  });
});

/** A server that does as docs/protocol.md says; it may forget its past, so that it sends a snapshot instead. */
class Server {
  readonly log: LogEvent[] = [];
  epoch = 'e0';
  private position: number | null = null;

  answer(frame: ClientFrame, remembers: boolean): Frame[] {
    if (frame.op === 'unsubscribe') {
      this.position = null;
      return [{ op: 'unsubscribed', ref: frame.ref, project_id: 'p' }];
    }
    if (frame.op !== 'subscribe') {
      return [];
    }
    const { since } = frame;
    const recovered = remembers && since?.epoch === this.epoch && since.offset <= this.log.length;
    const head = {
      op: 'subscribed',
      ref: frame.ref,
      project_id: 'p',
      epoch: this.epoch,
      offset: this.log.length
    };
    if (recovered) {
      this.position = since.offset;
      return [{ ...head, recovered }, ...this.push()];
    }
    const tree = new TaskTree();
    this.log.forEach(each => tree.apply(each));
    const { state, nodes } = whole(tree) as { state: object; nodes: { rollup?: unknown }[] };
    nodes.forEach(node => delete node.rollup);
    this.position = this.log.length;
    const at = { epoch: this.epoch, offset: this.position, at: tree.at };
    const half = nodes.length >> 1;
    const frames = [nodes.slice(0, half), nodes.slice(half)].map((some, part) => ({
      ...{ op: 'snapshot', project_id: 'p', ...at, part, parts: 2, nodes: some },
      ...(part === 0 ? { state } : {})
    }));
    return [{ ...head, recovered }, ...frames, ...this.push()];
  }

  push(): Frame[] {
    if (this.position === null) {
      return [];
    }
    const fresh = this.log.slice(this.position);
    this.position = this.log.length;
    const frames: Frame[] =
      fresh.length > 0 ? [{ op: 'events', project_id: 'p', epoch: this.epoch, events: fresh }] : [];
    return [...frames, { op: 'live', project_id: 'p', offset: this.log.length }];
  }

  disconnect(): void {
    this.position = null;
  }
}

describe('Whatever happens on the way', () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.record({ does: fc.constant('append' as const), count: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('lose' as const), nth: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('double' as const), nth: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('reconnect' as const), remembers: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('new life' as const) }) }
  );

  it('the tree is in the end what the log folds to, and what is called live is', () => {
    fc.assert(
      fc.property(sequence, fc.array(act, { maxLength: 25, size: 'max' }), (log, acts) => {
        const server = new Server();
        const machine = new Subscriber();
        const project = new Project('p');
        let mishap: { does: 'lose' | 'double'; nth: number } | null = null;
        let remembers = true;
        let next = 0;

        function arrive(frames: Frame[]): void {
          const queue = [...frames];
          for (let frame = queue.shift(); frame; frame = queue.shift()) {
            const isHit = mishap !== null && mishap.nth-- === 0;
            const times = isHit ? (mishap?.does === 'lose' ? 0 : 2) : 1;
            for (let time = 0; time < times; time++) {
              const { deliver, send } = machine.receive(frame, 100);
              deliver.forEach(delivery => delivery.kind !== 'broadcast' && project.take(delivery));
              queue.push(...send.flatMap(each => server.answer(each, remembers)));
            }
          }
          mishap = null;
          if (project.status(true) === 'live' && project.tree?.offset === server.log.length) {
            check();
          }
        }

        function check(): void {
          const straight = new TaskTree();
          server.log.forEach(each => straight.apply(each));
          expect(canonical(whole(project.tree!))).toBe(canonical(whole(straight)));
        }

        function connect(): void {
          machine.closed();
          server.disconnect();
          project.disconnected();
          if (!machine.isFollowing('p')) {
            machine.follow('p', project.since);
          }
          arrive([WELCOME]);
        }

        connect();
        for (const one of acts) {
          if (one.does === 'append') {
            server.log.push(
              ...log
                .slice(next, next + one.count)
                .map((each, index) => ({ ...each, offset: server.log.length + index + 1 }))
            );
            next += one.count;
            arrive(server.push());
          } else if (one.does === 'reconnect') {
            remembers = one.remembers;
            connect();
          } else if (one.does === 'new life') {
            server.log.length = 0;
            server.epoch += '+';
            connect();
          } else {
            mishap = { ...one };
          }
        }
        mishap = null;
        connect();
        arrive(server.push());
        expect(project.status(true)).toBe('live');
        check();
      }),
      { numRuns: runs(400) }
    );
  });
});
