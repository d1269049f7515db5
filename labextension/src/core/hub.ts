/** One connection for a browser tab and a server, whoever in the tab looks: both our bundles find the same hub. */
import { Backfill } from './backfill.js';
import { keyOf } from './endpoint.js';
import { environmentWith, type Cancel, type Environment } from './environment.js';
import type { Envelope } from './envelope.js';
import type { Connection, Follow, Hub, ProjectList } from './follow.js';
import type { Published, Resolved, StorageNotice } from './info.js';
import { ServerHistory, type History } from './history.js';
import { Notifier } from './notifier.js';
import { whyRefused } from './probe.js';
import { Project } from './project.js';
import {
  asFrame,
  asNotice,
  SUBPROTOCOL,
  type ClientFrame,
  type ProjectsFrame,
  type PublishedFrame
} from './protocol.js';
import { Requests } from './requests.js';
import { WebSocketService, type ServiceOptions } from './service.js';
import { Shared } from './shared.js';
import { Subscriber, type Delivery } from './subscriber.js';
import { Watched } from './watched.js';

export type {
  Connection,
  Follow,
  FollowStatus,
  Hub,
  Listenable,
  MissionInfo,
  ProjectInfo,
  ProjectList,
  Published,
  Resolved,
  StopReason,
  StorageNotice
} from './follow.js';
export { HubError } from './follow.js';

/** Its name goes up when a hub of one version can't serve views of another. */
const REGISTRY = 'tasktree.hub.v1';

export type HubOptions = Pick<
  ServiceOptions,
  'reconnectDelay' | 'maxReconnectDelay' | 'maxAttempts' | 'environment'
>;

/** The tab's hub for a server (`socketUrl`: see `socketUrlOf`). The options count for the first who asks. */
export function hubAt(socketUrl: string, options: HubOptions = {}): Hub {
  const page = globalThis as { [REGISTRY]?: Map<string, Hub> };
  const hubs = (page[REGISTRY] ??= new Map<string, Hub>());
  const key = keyOf(socketUrl);
  let hub = hubs.get(key);
  if (!hub) {
    hub = new TabHub(socketUrl, options);
    hubs.set(key, hub);
  }
  return hub;
}

class Followed extends Shared {
  readonly project: Project;
  readonly backfill: Backfill;
  cancelAsking: Cancel | null = null;

  constructor(projectId: string, environment: Environment, history: History, leave: () => void) {
    super(environment, leave);
    this.project = new Project(projectId);
    this.backfill = new Backfill(environment, projectId, this.project.stream, history);
  }
}

/** Not made directly but by `hubAt`, except in tests. */
export class TabHub implements Hub {
  readonly subscribe: Hub['subscribe'];
  readonly getVersion: Hub['getVersion'];
  readonly history: History;
  private readonly environment: Environment;
  private readonly service: WebSocketService;
  private readonly subscriber = new Subscriber();
  private readonly notifier: Notifier;
  private readonly requests: Requests;
  private readonly followed = new Map<string, Followed>();
  private watched: Watched | null = null;
  private isWelcome = false;
  private notice: StorageNotice | null = null;

  constructor(
    readonly url: string,
    options: HubOptions = {}
  ) {
    this.environment = environmentWith(options.environment);
    this.history = new ServerHistory(this.environment, url);
    this.notifier = new Notifier(this.environment);
    this.subscribe = this.notifier.subscribe;
    this.getVersion = this.notifier.getVersion;
    this.service = new WebSocketService({
      ...options,
      url,
      protocol: SUBPROTOCOL,
      whyRefused: () => whyRefused(this.environment, url)
    });
    this.requests = new Requests(this.environment, () => this.leaveIfIdle());
    this.service.subscribe((message, size) => this.received(message, size));
    this.service.onState(state => this.connectionChanged(state));
  }

  get connection(): Connection {
    return this.service.state;
  }

  /** Of a server that can't be heard it isn't known. */
  get storage(): StorageNotice | null {
    return this.isWelcome ? this.notice : null;
  }

  get maxAttempts(): number {
    return this.service.maxAttempts;
  }

  set maxAttempts(attempts: number) {
    this.service.maxAttempts = attempts;
  }

  follow(projectId: string): Follow {
    let followed = this.followed.get(projectId);
    if (!followed) {
      followed = new Followed(projectId, this.environment, this.history, () => this.unfollow(projectId));
      this.followed.set(projectId, followed);
      this.send(this.subscriber.follow(projectId));
    }
    this.ensureConnected();
    return new HubFollow(followed, followed.hold(), this);
  }

  watchProjects(): ProjectList {
    if (!this.watched) {
      this.watched = new Watched(
        this.environment,
        () => this.isConnected(),
        () => this.watch(),
        () => this.unwatch()
      );
      this.watch();
    }
    this.ensureConnected();
    return this.watched.list();
  }

  resolve(which: { kernelId?: string; path?: string; title?: string }): Promise<Resolved> {
    const { kernelId, path, title } = which;
    return this.request<Resolved>(ref => ({ op: 'resolve', ref, kernel_id: kernelId, path, title }));
  }

  publish(event: Envelope): Promise<Published> {
    const projectId = event.project_id ?? null;
    return this.request<PublishedFrame>(ref => ({
      op: 'publish',
      ref,
      project_id: projectId,
      events: [event]
    }));
  }

  retryNow(): void {
    if (this.followed.size > 0 || this.watched) {
      this.service.retryNow();
    }
    this.watched?.retry();
    for (const followed of this.followed.values()) {
      this.ask(followed);
    }
  }

  /** Whether what is shown may be called live as far as the connection is concerned. */
  isConnected(): boolean {
    const { state, heardAt, silenceLimit } = this.service;
    const isHeard = silenceLimit === null || this.environment.now() - (heardAt ?? 0) < silenceLimit;
    return state.kind === 'open' && this.isWelcome && isHeard && !this.service.isDoubtful;
  }

  /** Whether the connection may be dead: the server has been asked, and says nothing yet. */
  isDoubtful(): boolean {
    return this.isWelcome && this.service.isDoubtful;
  }

  /** Whether it is about to be known what the server has. */
  isConnecting(): boolean {
    const { kind } = this.service.state;
    return kind === 'connecting' || (kind === 'open' && !this.isWelcome);
  }

  get heardAt(): number | null {
    return this.service.heardAt;
  }

  private request<T>(frameOf: (ref: number) => ClientFrame): Promise<T> {
    const ref = this.subscriber.nextRef();
    const answer = this.requests.add<T>(ref, frameOf(ref));
    this.ensureConnected();
    this.sendRequests();
    return answer;
  }

  /** A service that waits for its next attempt, or was refused, isn't hurried by everyone who looks. */
  private ensureConnected(): void {
    const { state } = this.service;
    if (state.kind === 'stopped' && (state.reason === 'disconnected' || state.reason === 'max_attempts')) {
      this.service.retryNow();
    }
  }

  private sendRequests(): void {
    if (this.isWelcome) {
      this.requests.sendAll(frame => this.service.send(frame));
    }
  }

  private send(frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      this.service.send(frame);
    }
  }

  private received(message: unknown, size: number): void {
    const frame = asFrame(message);
    if (!frame) {
      return;
    }
    const { deliver, send } = this.subscriber.receive(frame, size);
    deliver.forEach(delivery => this.deliver(delivery));
    this.send(send);
    this.askedAgain(send);
    switch (frame.op) {
      case 'welcome':
        this.notice = asNotice(frame.storage);
        this.welcome();
        break;
      case 'storage':
        this.notice = asNotice(frame);
        this.changed();
        break;
      case 'projects':
        this.projects(frame as ProjectsFrame);
        break;
      case 'published':
      case 'resolved':
      case 'error':
        this.requests.answer(frame);
        this.watched?.refused(frame);
        break;
    }
  }

  /** What came didn't follow on, or the connection is new: until there is an answer nothing is known to be live. */
  private askedAgain(frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      const followed = frame.op === 'subscribe' ? this.followed.get(frame.project_id) : undefined;
      if (followed) {
        followed.project.asked();
        followed.notifier.changed();
      }
    }
  }

  private deliver(delivery: Delivery): void {
    if (delivery.kind === 'broadcast') {
      return;
    }
    if (delivery.projectId === null) {
      this.service.giveUp('version');
      return;
    }
    const followed = this.followed.get(delivery.projectId);
    if (followed) {
      const again = followed.project.take(delivery);
      if (again) {
        followed.cancelAsking ??= this.environment.after(again.after, () => this.ask(followed));
      }
      followed.notifier.changed();
    }
  }

  /** Asks for a project that isn't followed (any longer), or that can't be folded on. */
  private ask(followed: Followed): void {
    const { project } = followed;
    followed.cancelAsking?.();
    followed.cancelAsking = null;
    if (project.isStale) {
      this.send(this.subscriber.unfollow(project.projectId));
    }
    if (!this.subscriber.isFollowing(project.projectId)) {
      this.send(this.subscriber.follow(project.projectId, project.since));
    }
  }

  private welcome(): void {
    if (this.service.state.kind !== 'open') {
      return;
    }
    this.isWelcome = true;
    const interval = this.subscriber.limits.ping_interval;
    this.service.expectPings(typeof interval === 'number' && interval > 0 ? interval : null);
    this.watch();
    this.sendRequests();
    this.changed();
  }

  private watch(): void {
    if (this.watched && this.isWelcome) {
      const ref = this.subscriber.nextRef();
      this.watched.asked(ref);
      this.send([{ op: 'watch', ref }]);
    }
  }

  private projects(frame: ProjectsFrame): void {
    this.watched?.take(frame);
    for (const info of frame.projects) {
      const followed = this.followed.get(info.project_id);
      if (followed) {
        followed.project.info = info;
        if (followed.project.isGone) {
          this.ask(followed);
        }
        followed.notifier.changed();
      }
    }
  }

  private connectionChanged(state: Connection): void {
    if (state.kind !== 'open' && this.isWelcome) {
      this.isWelcome = false;
      this.requests.interrupted();
    }
    if (state.kind !== 'open') {
      this.subscriber.closed();
      this.watched?.disconnected();
      for (const followed of this.followed.values()) {
        followed.project.disconnected();
        this.ask(followed);
      }
    }
    if (state.kind === 'stopped' && state.reason !== 'disconnected') {
      this.requests.failAll(state.message);
    }
    this.changed();
  }

  private changed(): void {
    this.notifier.changed();
    this.watched?.notifier.changed();
    for (const followed of this.followed.values()) {
      followed.notifier.changed();
    }
  }

  private unfollow(projectId: string): void {
    const followed = this.followed.get(projectId);
    followed?.cancelAsking?.();
    followed?.backfill.dispose();
    this.followed.delete(projectId);
    this.send(this.subscriber.unfollow(projectId));
    this.leaveIfIdle();
  }

  private unwatch(): void {
    if (typeof this.watched?.ref === 'number') {
      this.send([{ op: 'unwatch', ref: this.watched.ref }]);
    }
    this.watched?.disconnected();
    this.watched = null;
    this.leaveIfIdle();
  }

  private leaveIfIdle(): void {
    if (this.followed.size === 0 && !this.watched && this.requests.size === 0) {
      this.service.disconnect();
    }
  }
}

class HubFollow implements Follow {
  readonly subscribe: Follow['subscribe'];
  readonly getVersion: Follow['getVersion'];

  constructor(
    private readonly followed: Followed,
    private readonly release: () => void,
    private readonly hub: TabHub
  ) {
    this.subscribe = followed.notifier.subscribe;
    this.getVersion = followed.notifier.getVersion;
  }

  get projectId() {
    return this.followed.project.projectId;
  }

  get tree() {
    return this.followed.project.tree;
  }

  get status() {
    const { project } = this.followed;
    if (this.hub.isConnecting() && !project.tree) {
      return 'connecting';
    }
    const status = project.status(this.hub.isConnected() || this.hub.isDoubtful());
    return status === 'live' && this.hub.isDoubtful() ? 'catching-up' : status;
  }

  get epoch() {
    return this.followed.project.epoch;
  }

  get info() {
    return this.followed.project.info;
  }

  get error() {
    const { connection } = this.hub;
    return this.followed.project.error ?? (connection.kind === 'stopped' ? connection.message : null);
  }

  get stale() {
    return this.followed.project.stale;
  }

  get heardAt() {
    return this.hub.heardAt;
  }

  get stream() {
    return this.followed.project.stream;
  }

  get backfill() {
    return this.followed.backfill;
  }

  close(): void {
    this.release();
  }
}
