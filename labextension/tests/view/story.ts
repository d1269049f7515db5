/** Trees and connections for the tests of what people see. */
import type { Backfill } from '../../src/core/backfill.js';
import type { TreeEvent } from '../../src/core/envelope.js';
import type {
  Connection,
  Follow,
  FollowStatus,
  Hub,
  ProjectInfo,
  StorageNotice
} from '../../src/core/follow.js';
import type { History } from '../../src/core/history.js';
import { NOTHING_STALE, type StaleTasks } from '../../src/core/presence.js';
import type { TreeReader } from '../../src/core/reader.js';
import { EventStream } from '../../src/core/stream.js';
import { TaskTree } from '../../src/core/tree.js';

export const START = Date.parse('2026-01-31T14:00:00Z') * 1000;

type Changes = Record<string, unknown>;

/** Tells a tree what happened, one second after the other. */
export class Story {
  readonly tree = new TaskTree();
  /** All that was told, in order. */
  readonly events: TreeEvent[] = [];
  #offset = 0;

  constructor(readonly start: number = START) {}

  get now(): number {
    return this.start + this.#offset * 1_000_000;
  }

  get timestamp(): string {
    return new Date(this.now / 1000).toISOString();
  }

  event(type: string, data: Record<string, unknown>, source = 's'): this {
    this.#offset += 1;
    const event = {
      type,
      data,
      project_id: 'p',
      source,
      seq: this.#offset,
      timestamp: this.timestamp,
      offset: this.#offset,
      at: this.now
    };
    this.events.push(event);
    this.tree.apply(event);
    return this;
  }

  node(id: string, changes: Changes | null): this {
    return this.event('node_update', { node_id: id, changes });
  }

  /** A task and how it stands. */
  task(id: string, parent: string | null, changes: Changes = {}): this {
    return this.node(id, { title: id, ...(parent === null ? {} : { parent_id: parent }), ...changes });
  }
}

/** A grid search like the one of the design's mock, with as many fits as asked for. */
export function gridSearch(fits = 40, start = START): Story {
  const story = new Story(start);
  story.task('run', null, { title: 'Grid search', status: 'running' });
  story.task('load', 'run', {
    title: 'load data',
    status: 'completed',
    message: '1.2 M rows from warehouse.events'
  });
  story.task('load/1', 'load', { title: 'read', status: 'completed' });
  story.task('load/2', 'load', { title: 'clean', status: 'completed' });
  story.task('fit', 'run', { title: 'fit', status: 'running', expected: fits + 20 });
  for (let i = 0; i < fits; i += 1) {
    const id = `fit/${i}`;
    const failed = i === fits - 14 || i === fits - 6;
    const status = failed ? 'failed' : i >= fits - 4 ? 'running' : 'completed';
    story.task(id, 'fit', {
      title: `fit ${i}`,
      status,
      agent: `worker-${(i % 6) + 1}`,
      params: { max_depth: 4 + (i % 9), min_samples: 2, imputer: null },
      metrics: { auc: 0.9 + i / 1000, loss: 'NaN' },
      ...(failed
        ? {
            progress: 0.62,
            attempt: i === fits - 14 ? 2 : 1,
            error: {
              type: 'ValueError',
              message: 'Input X contains NaN.',
              traceback:
                'Traceback (most recent call last):\n  File "fit.py", line 12, in fit\n    check(X)\nValueError: Input X contains NaN.'
            }
          }
        : {}),
      ...(status === 'running' ? { progress: (fits - i) / 5, message: `fold ${fits - i}/5` } : {})
    });
  }
  story.event('node_log', { node_id: `fit/${fits - 1}`, level: 'warning', message: 'did not converge' });
  story.event('task_status_changed', { task_id: 'fit/0', status: 'running' });
  story.event('task_status_changed', { task_id: 'fit/0', status: 'completed' });
  story.task('evaluate', 'run', { title: 'evaluate', status: 'ready', dependencies: ['fit'], expected: 16 });
  story.task('report', 'run', { title: 'report', dependencies: ['evaluate', 'load'] });
  return story;
}

class Changing {
  #version = 0;
  #listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  getVersion = (): number => this.#version;

  protected changed(): void {
    this.#version += 1;
    this.#listeners.forEach(listener => listener());
  }
}

/** A follow whose state a test sets by hand. */
export class FakeFollow extends Changing implements Follow {
  readonly projectId = 'p';
  tree: TreeReader | null = null;
  status: FollowStatus = 'connecting';
  epoch: string | null = 'e1';
  info: ProjectInfo | null = null;
  error: string | null = null;
  heardAt: number | null = null;
  stale: StaleTasks = NOTHING_STALE;
  readonly stream = new EventStream();
  backfill?: Backfill;
  closed = false;

  set(
    fields: Partial<Pick<FakeFollow, 'tree' | 'status' | 'epoch' | 'info' | 'error' | 'heardAt' | 'stale'>>
  ): void {
    Object.assign(this, fields);
    this.changed();
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeHub extends Changing implements Hub {
  readonly url = 'ws://hub/';
  connection: Connection = { kind: 'open' };
  maxAttempts = Infinity;
  storage: StorageNotice | null = null;
  history?: History;
  retries = 0;
  readonly followed: FakeFollow[] = [];

  set(connection: Connection): void {
    this.connection = connection;
    this.changed();
  }

  setStorage(notice: StorageNotice | null): void {
    this.storage = notice;
    this.changed();
  }

  follow(): FakeFollow {
    const follow = new FakeFollow();
    this.followed.push(follow);
    return follow;
  }

  watchProjects(): never {
    throw new Error('not in this test');
  }

  resolve(): never {
    throw new Error('not in this test');
  }

  publish(): never {
    throw new Error('not in this test');
  }

  retryNow(): void {
    this.retries += 1;
  }
}
