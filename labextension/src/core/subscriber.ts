/**
 * The following side of a `tasktree.v1.json` connection, as a machine without I/O; Python's `core/subscriber.py` is its twin.
 *
 * Its owner sends what it says, hands it every frame that comes, and takes what it delivers. What it promises for each project:
 * events in offset order, each once, none left out; where that can't be had, a whole state in their place. It asks again by
 * itself when a frame doesn't follow on from the last.
 */
import type { TreeEvent } from './envelope.js';
import type { ProjectInfo } from './info.js';
import { isObject } from './json.js';
import { staleTasksOf, type StaleTasks } from './presence.js';
import {
  PROTOCOL_VERSION,
  type ClientFrame,
  type Frame,
  type Limits,
  type Position,
  type SnapshotFrame
} from './protocol.js';
import type { TreeNode } from './reader.js';
import { isInteger } from './shape.js';
import type { TreeState } from './state.js';

const ACK_BYTES = 65_536;
/** How often a project is asked for again without having come to `live` in between. */
const MAX_HOLES = 3;

export type Delivery =
  /** The server knows the project. `recovered`: it goes on from the position given; else a snapshot comes. */
  | { kind: 'subscribed'; projectId: string; epoch: string; recovered: boolean; info: ProjectInfo | null }
  | { kind: 'events'; projectId: string; events: readonly TreeEvent[] }
  /** Events of no project; they have no offsets. */
  | { kind: 'broadcast'; events: readonly unknown[] }
  /** The whole state, in place of everything delivered before. */
  | { kind: 'snapshot'; projectId: string; epoch: string; state: TreeState; nodes: readonly TreeNode[] }
  /** Everything up to the log's head has been delivered. */
  | { kind: 'live'; projectId: string }
  /** Which open tasks belong to a source that isn't heard, in place of what was told before. */
  | { kind: 'presence'; projectId: string; stale: StaleTasks }
  /** The server can't go on from where we were. */
  | { kind: 'resync'; projectId: string; reason: string }
  /** Deleted; it isn't followed any longer. */
  | { kind: 'gone'; projectId: string }
  /**
   * It isn't followed any longer (null: nothing is). `code` is the server's, or `version` (it speaks another protocol), or
   * `continuity` (what it sent didn't follow on, again and again). `retry`: following it later may work.
   */
  | { kind: 'refused'; projectId: string | null; code: string; message: string; retry: boolean };

/** What a frame led to. Deliver first, then send: an acknowledgement says that it has been taken in. */
export interface Step {
  deliver: Delivery[];
  send: ClientFrame[];
}

interface Loading {
  first: SnapshotFrame;
  nodes: TreeNode[];
  nextPart: number;
}

export interface Following {
  position: Position | null;
  /** Ref of the subscribe that wasn't answered yet. Until it is, whatever comes belongs to an older subscription. */
  waiting: number | null;
  loading: Loading | null;
  unacknowledged: number;
  holes: number;
}

export class Subscriber {
  private readonly following = new Map<string, Following>();
  private isConnected = false;
  private ref = 0;
  private known: Limits = {};

  /** What the server told of itself. */
  get limits(): Limits {
    return this.known;
  }

  /** A number for a frame of the owner's own, so that it meets none of the machine's. */
  nextRef(): number {
    return ++this.ref;
  }

  isFollowing(projectId: string): boolean {
    return this.following.has(projectId);
  }

  /** Up to where a project was delivered. */
  position(projectId: string): Position | null {
    return this.following.get(projectId)?.position ?? null;
  }

  /** Follow a project that isn't followed, from a position or from a snapshot. What to send now. */
  follow(projectId: string, since: Position | null = null): ClientFrame[] {
    const follow = this.adopt(projectId, since);
    return this.isConnected ? [this.subscribe(projectId, follow)] : [];
  }

  /** Follow a project whose frames come without being asked for. */
  adopt(projectId: string, since: Position | null): Following {
    const follow = { position: since, waiting: null, loading: null, unacknowledged: 0, holes: 0 };
    this.following.set(projectId, follow);
    return follow;
  }

  unfollow(projectId: string): ClientFrame[] {
    const wasFollowed = this.following.delete(projectId);
    return wasFollowed && this.isConnected
      ? [{ op: 'unsubscribe', ref: this.nextRef(), project_id: projectId }]
      : [];
  }

  /** The connection is gone. Positions stay: the next `welcome` asks to go on from them. */
  closed(): void {
    this.isConnected = false;
    for (const follow of this.following.values()) {
      follow.waiting = null;
      follow.loading = null;
      follow.unacknowledged = 0;
    }
  }

  /** `size`: the frame's in bytes, or more. Frames that it doesn't know lead to nothing. */
  receive(frame: Frame, size: number): Step {
    const projectId = frame.project_id;
    switch (frame.op) {
      case 'ping':
        return { deliver: [], send: [{ op: 'pong' }] };
      case 'welcome':
        return this.welcome(frame);
      case 'error':
        return this.refuse(frame);
    }
    if (frame.op === 'events' && (projectId === null || projectId === undefined)) {
      return step(Array.isArray(frame.events) ? [{ kind: 'broadcast', events: frame.events }] : []);
    }
    const follow = typeof projectId === 'string' ? this.following.get(projectId) : undefined;
    if (!follow || typeof projectId !== 'string') {
      return step();
    }
    if (frame.op === 'subscribed') {
      return this.subscribed(projectId, follow, frame);
    }
    if (follow.waiting !== null) {
      return step();
    }
    switch (frame.op) {
      case 'events':
        return this.events(projectId, follow, frame, size);
      case 'snapshot':
        return this.snapshot(projectId, follow, frame);
      case 'live':
        return this.live(projectId, follow, frame);
      case 'presence':
        return step([{ kind: 'presence', projectId, stale: staleTasksOf(frame) }]);
      case 'resync':
        follow.loading = null;
        return step([{ kind: 'resync', projectId, reason: String(frame.reason) }]);
      case 'gone':
        this.following.delete(projectId);
        return step([{ kind: 'gone', projectId }]);
      default:
        return step();
    }
  }

  private subscribe(
    projectId: string,
    follow: Following,
    from: 'position' | 'snapshot' = 'position'
  ): ClientFrame {
    const ref = this.nextRef();
    follow.waiting = ref;
    follow.unacknowledged = 0;
    follow.loading = null;
    const since = from === 'position' ? follow.position : null;
    return { op: 'subscribe', ref, project_id: projectId, since };
  }

  private welcome(frame: Frame): Step {
    if (frame.protocol !== PROTOCOL_VERSION) {
      this.following.clear();
      const message = `The server speaks version ${String(frame.protocol)} of the protocol, this page ${PROTOCOL_VERSION}.`;
      return step([{ kind: 'refused', projectId: null, code: 'version', message, retry: false }]);
    }
    this.isConnected = true;
    this.known = isObject(frame.limits) ? frame.limits : {};
    const send = [...this.following].map(([projectId, follow]) => this.subscribe(projectId, follow));
    return { deliver: [], send };
  }

  private refuse(frame: Frame): Step {
    for (const [projectId, follow] of this.following) {
      if (follow.waiting !== null && follow.waiting === frame.ref) {
        this.following.delete(projectId);
        const [code, message] = [String(frame.code), String(frame.message)];
        return step([{ kind: 'refused', projectId, code, message, retry: frame.retry === true }]);
      }
    }
    return step();
  }

  private subscribed(projectId: string, follow: Following, frame: Frame): Step {
    if (follow.waiting === null || frame.ref !== follow.waiting) {
      return step();
    }
    const { epoch, offset, info } = frame;
    const recovered = frame.recovered === true;
    follow.waiting = null;
    if (typeof epoch !== 'string' || !isInteger(offset, 0)) {
      return this.askAgain(projectId, follow);
    }
    if (recovered && follow.position?.epoch !== epoch) {
      return this.askAgain(projectId, follow);
    }
    const about = isObject(info) ? (info as unknown as ProjectInfo) : null;
    return step([{ kind: 'subscribed', projectId, epoch, recovered, info: about }]);
  }

  private events(projectId: string, follow: Following, frame: Frame, size: number): Step {
    const position = follow.position;
    if (!position || position.epoch !== frame.epoch || follow.loading || !Array.isArray(frame.events)) {
      return this.askAgain(projectId, follow);
    }
    let { offset, at } = position;
    let isWhole = true;
    const fresh: TreeEvent[] = [];
    for (const event of frame.events as unknown[]) {
      const itsOffset = isObject(event) ? event.offset : null;
      if (!isObject(event) || !isInteger(itsOffset, 0, offset + 1)) {
        isWhole = false;
        break;
      }
      if (itsOffset === offset + 1) {
        offset = itsOffset;
        at = isInteger(event.at, 0) ? event.at : null;
        fresh.push(event as unknown as TreeEvent);
      }
    }
    follow.position = { epoch: position.epoch, offset, at };
    const deliver: Delivery[] = fresh.length > 0 ? [{ kind: 'events', projectId, events: fresh }] : [];
    if (!isWhole) {
      const again = this.askAgain(projectId, follow);
      return { deliver: [...deliver, ...again.deliver], send: again.send };
    }
    follow.unacknowledged += size;
    if (follow.unacknowledged < this.ackAfter()) {
      return step(deliver);
    }
    follow.unacknowledged = 0;
    return { deliver, send: [{ op: 'ack', project_id: projectId, offset }] };
  }

  private snapshot(projectId: string, follow: Following, frame: Frame): Step {
    if (frame.part === 0 && isSnapshot(frame)) {
      follow.loading = { first: frame, nodes: [], nextPart: 0 };
    }
    const loading = follow.loading;
    if (!loading || !followsOn(loading, frame)) {
      return this.askAgain(projectId, follow);
    }
    for (const node of frame.nodes as TreeNode[]) {
      loading.nodes.push(node);
    }
    loading.nextPart++;
    const { epoch, offset, at, parts, state } = loading.first;
    const send: ClientFrame[] = [{ op: 'ack', project_id: projectId, offset }];
    if (loading.nextPart < parts) {
      return { deliver: [], send };
    }
    follow.loading = null;
    follow.position = { epoch, offset, at };
    follow.unacknowledged = 0;
    const delivery = {
      kind: 'snapshot',
      projectId,
      epoch,
      state: state as TreeState,
      nodes: loading.nodes
    } as const;
    return { deliver: [delivery], send };
  }

  private live(projectId: string, follow: Following, frame: Frame): Step {
    const position = follow.position;
    if (!position || follow.loading || !isInteger(frame.offset, 0, position.offset)) {
      return this.askAgain(projectId, follow);
    }
    follow.holes = 0;
    return step([{ kind: 'live', projectId }]);
  }

  /** What came doesn't follow on: first ask from where we are, then for a snapshot, and then give up. */
  private askAgain(projectId: string, follow: Following): Step {
    follow.holes++;
    const leave: ClientFrame = { op: 'unsubscribe', ref: this.nextRef(), project_id: projectId };
    if (follow.holes > MAX_HOLES) {
      this.following.delete(projectId);
      const message = `What the server sent for “${projectId}” didn't follow on, ${follow.holes} times.`;
      const refused: Delivery = { kind: 'refused', projectId, code: 'continuity', message, retry: true };
      return { deliver: [refused], send: [leave] };
    }
    const from = follow.holes === 1 ? 'position' : 'snapshot';
    return { deliver: [], send: [leave, this.subscribe(projectId, follow, from)] };
  }

  private ackAfter(): number {
    return Math.min(ACK_BYTES, (this.known.max_unacked_bytes ?? Infinity) / 4);
  }
}

function step(deliver: Delivery[] = []): Step {
  return { deliver, send: [] };
}

function isSnapshot(frame: Frame): frame is SnapshotFrame {
  return (
    typeof frame.epoch === 'string' &&
    isInteger(frame.offset, 0) &&
    isInteger(frame.at, 0) &&
    isInteger(frame.parts, 1) &&
    isObject(frame.state)
  );
}

function followsOn({ first, nextPart }: Loading, frame: Frame): boolean {
  const isSame = (['epoch', 'offset', 'at', 'parts'] as const).every(key => frame[key] === first[key]);
  return isSame && frame.part === nextPart && nextPart < first.parts && Array.isArray(frame.nodes);
}
