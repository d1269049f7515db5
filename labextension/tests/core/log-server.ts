/** A small server with one project's log, on a real socket: honest, but its wire may lose things, and its log may change. */
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

import type { TreeEvent } from '../../src/core/envelope.js';
import { FOLD_VERSION, TaskTree } from '../../src/core/tree.js';

interface Since {
  epoch: string;
  offset: number;
  at: number | null;
}

interface Link {
  sent: number | null;
}

const EPOCH = 'e';

/** The first makes a node; each other adds 1 to its count, so that a hole or a double can't hide. */
function anEvent(offset: number, at: number): TreeEvent {
  const [type, data] =
    offset === 1
      ? ['node_update', { node_id: 'n', changes: { title: 'N' } }]
      : ['node_log', { node_id: 'n', level: 'info', message: String(offset) }];
  return { type, data, timestamp: '2026-01-31T14:02:11Z', source: null, offset, at };
}

export class LogServer {
  readonly asked: (Since | null)[] = [];
  readonly reasons: string[] = [];
  private readonly log: TreeEvent[] = [];
  private readonly links = new Map<WebSocket, Link>();
  private readonly server: WebSocketServer;
  private lives = 1;
  private trimmed = 0;
  private isLosing = false;

  constructor() {
    this.server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      handleProtocols: names => [...names][0] ?? false
    });
    this.server.on('connection', socket => {
      this.links.set(socket, { sent: null });
      socket.on('close', () => this.links.delete(socket));
      socket.on('message', data =>
        this.take(socket, JSON.parse((data as Buffer).toString()) as Record<string, unknown>)
      );
      say(socket, { op: 'welcome', protocol: 1, limits: { ping_interval: 20 } });
    });
  }

  async url(): Promise<string> {
    if (!this.server.address()) {
      await new Promise(resolve => this.server.once('listening', resolve));
    }
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  get offset(): number {
    return this.log.length;
  }

  /** What the log folds to. */
  get tree(): TaskTree {
    const tree = new TaskTree();
    this.log.forEach(event => tree.apply(event));
    return tree;
  }

  append(count: number): void {
    for (let number = 0; number < count; number++) {
      const offset = this.offset + 1;
      this.log.push(anEvent(offset, offset * 10 + this.lives));
    }
    for (const [socket, link] of this.links) {
      this.push(socket, link);
    }
  }

  /** The next frame of events goes astray. */
  lose(): void {
    this.isLosing = true;
  }

  cut(): void {
    this.links.forEach((_, socket) => socket.terminate());
  }

  trim(): void {
    this.trimmed = this.offset;
  }

  /** An older copy is put back, under the same epoch: the offsets mean other events, which `at` tells. */
  restore(): void {
    this.cut();
    this.lives++;
    const kept = Math.floor(this.log.length / 2);
    this.log.splice(kept);
    this.trimmed = Math.min(this.trimmed, kept);
    this.append(3);
  }

  close(): Promise<void> {
    this.cut();
    return new Promise(resolve => this.server.close(() => resolve()));
  }

  private take(socket: WebSocket, frame: Record<string, unknown>): void {
    const link = this.links.get(socket)!;
    if (frame.op === 'unsubscribe') {
      link.sent = null;
    } else if (frame.op === 'subscribe') {
      this.subscribed(socket, link, frame);
    }
  }

  private subscribed(socket: WebSocket, link: Link, { ref, since }: Record<string, unknown>): void {
    const asked = since as Since | null;
    this.asked.push(asked);
    const reason = asked && this.mismatch(asked);
    const recovered = asked !== null && reason === null;
    const common = { project_id: 'p', epoch: EPOCH };
    say(socket, { op: 'subscribed', ref, ...common, offset: this.offset, recovered });
    if (reason) {
      this.reasons.push(reason);
      say(socket, { op: 'resync', project_id: 'p', reason });
    }
    link.sent = recovered ? asked.offset : this.offset;
    if (!recovered) {
      const { tree, offset } = this;
      const state = { ...tree.state(), fold: FOLD_VERSION };
      say(socket, {
        op: 'snapshot',
        ...common,
        offset,
        at: tree.at,
        part: 0,
        parts: 1,
        state,
        nodes: [...tree.nodes()]
      });
    }
    this.push(socket, link);
    say(socket, { op: 'live', project_id: 'p', offset: this.offset });
  }

  private mismatch({ offset, at }: Since): string | null {
    if (offset > this.offset) {
      return 'ahead';
    }
    if (offset < this.trimmed) {
      return 'trimmed';
    }
    return at === null || offset === 0 || this.log[offset - 1]!.at === at ? null : 'epoch';
  }

  private push(socket: WebSocket, link: Link): void {
    if (link.sent === null || link.sent >= this.offset) {
      return;
    }
    const events = this.log.slice(link.sent);
    link.sent = this.offset;
    if (this.isLosing) {
      this.isLosing = false;
      return;
    }
    say(socket, { op: 'events', project_id: 'p', epoch: EPOCH, events });
  }
}

function say(socket: WebSocket, frame: unknown): void {
  socket.send(JSON.stringify(frame));
}
