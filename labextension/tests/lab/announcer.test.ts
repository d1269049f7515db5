import './dom.js';
import { NotificationManager } from '@jupyterlab/apputils/lib/notification.js';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { groupFailures } from '../../src/core/failures.js';
import { Announcer } from '../../src/lab/announcer.js';
import { Preferences } from '../../src/lab/preferences.js';
import type { Found } from '../../src/lab/reasons.js';
import { wordsOf } from '../../src/lab/words.js';
import { Story } from '../view/story.js';
import { project, run } from './projects.js';

const STARTED = '2026-01-31T14:00:00Z';
const AFTER_90_S = '2026-01-31T14:01:30Z';

let manager: NotificationManager;
let preferences: Preferences;
let announcer: Announcer;
let inSight: string | null;
let shown: string[];
let browsed: string[];
let found: Found | null;
let settled: number;
let asked: number;

/** What the tree says of a run: the messages of its failures. */
function because(...messages: string[]): void {
  const story = new Story().task('Sweep', null, { status: 'running' });
  messages.forEach((message, i) =>
    story.task(`t${i}`, 'Sweep', { status: 'failed', error: { type: 'ValueError', message } })
  );
  const grouping = groupFailures(story.tree, story.tree.children('Sweep'));
  let step = grouping.next();
  while (!step.done) {
    step = grouping.next();
  }
  found = { tree: story.tree, groups: step.value };
}

beforeEach(() => {
  browsed = [];
  found = null;
  asked = 0;
  settled = 0;
  manager = new NotificationManager();
  preferences = new Preferences();
  inSight = null;
  shown = [];
  announcer = new Announcer({
    trans: wordsOf(null),
    preferences,
    manager,
    isInSight: id => id === inSight,
    show: (projectId, missionId) => shown.push(`${projectId}/${missionId}`),
    reasons: {
      of: () => {
        asked += 1;
        return Promise.resolve(found);
      }
    },
    browser: { show: (_key, title) => browsed.push(title) },
    get settled() {
      return settled;
    }
  });
});

function failed(failures: number, mission = 'Sweep'): void {
  announcer.tell({ kind: 'failed', project: project('p', []), run: run(mission, { failures }) });
}

function ended(status: 'completed' | 'failed' | 'cancelled', failures = 0, until = AFTER_90_S): void {
  const fields = { status, failures, started_at: STARTED, ended_at: until };
  announcer.tell({ kind: 'ended', project: project('p', []), run: run('Sweep', fields) });
}

function told(): string[] {
  return manager.notifications.map(({ message, type }) => `${type}: ${message}`);
}

describe('a notification', () => {
  test('of a hundred failures is one that counts', () => {
    for (let failures = 1; failures <= 100; failures += 1) {
      failed(failures);
    }
    expect(told()).toEqual(['error: “Sweep”: 100 tasks failed']);
    failed(1, 'Another');
    expect(manager.count).toBe(2);
  });

  test('that was closed doesn’t come back with the next failure, but with the end', () => {
    failed(1);
    manager.dismiss();
    failed(2);
    expect(told()).toEqual([]);
    ended('failed', 2);
    expect(told()).toEqual(['error: “Sweep” failed after 1:30 · 2 failures']);
  });

  test('of the end takes the place of that of the failures', () => {
    failed(1);
    ended('completed', 1);
    expect(told()).toEqual(['warning: “Sweep” completed after 1:30 · 1 failure']);
  });

  test('of an end comes only after a run that took long enough', () => {
    ended('completed', 0, '2026-01-31T14:00:59Z');
    expect(told()).toEqual([]);
    preferences.set('notifyOnEndAfter', 59);
    ended('completed', 0, '2026-01-31T14:00:59Z');
    expect(told()).toEqual(['success: “Sweep” completed after 59.0\u202fs']);
    preferences.set('notifyOnEndAfter', null);
    ended('completed');
    expect(manager.count).toBe(1);
  });

  test('comes not for what the user sees, not for a muted project, and not at all where none is wanted', () => {
    inSight = 'p';
    failed(1);
    ended('completed');
    inSight = null;
    preferences.mute('p', true);
    failed(2);
    preferences.mute('p', false);
    preferences.set('notifications', false);
    failed(3);
    preferences.set('notifications', true);
    preferences.set('notifyOnFailure', false);
    failed(4);
    expect(told()).toEqual([]);
    preferences.set('notifyOnFailure', true);
    failed(5);
    expect(told()).toEqual(['error: “Sweep”: 5 tasks failed']);
  });

  test('leads to the run, and mutes its project', () => {
    failed(1);
    const [show, mute] = manager.notifications[0]!.options.actions!;
    show!.callback(new MouseEvent('click'));
    expect(shown).toEqual(['p/Sweep']);
    mute!.callback(new MouseEvent('click'));
    expect(preferences.isMuted('p')).toBe(true);
  });

  test('fits the place JupyterLab gives it, however long a title is', () => {
    failed(1, 'x'.repeat(500));
    expect(manager.notifications[0]!.message.length).toBeLessThan(140);
  });

  test('says what went wrong as soon as that is known, and counts on', async () => {
    because('Input X contains NaN.', 'Input X contains NaN.');
    failed(2);
    expect(told()).toEqual(['error: “Sweep”: 2 tasks failed']);
    await vi.waitFor(() => expect(told()).toEqual(['error: “Sweep”: ValueError: Input X contains NaN. ×2']));
    because('Input X contains NaN.', 'Input X contains NaN.', 'singular matrix');
    failed(3);
    await vi.waitFor(() =>
      expect(told()).toEqual(['error: “Sweep”: ValueError: Input X contains NaN. ×2, and 1 other kind'])
    );
    expect(manager.count).toBe(1);
  });

  test('isn’t changed before JupyterLab has made its toast, which would keep the first words', async () => {
    vi.useFakeTimers();
    settled = 1000;
    because('one');
    failed(1);
    await vi.advanceTimersByTimeAsync(900);
    expect(told()).toEqual(['error: “Sweep”: 1 task failed']);
    await vi.advanceTimersByTimeAsync(200);
    expect(told()).toEqual(['error: “Sweep”: ValueError: one ×1']);
  });

  test('that was closed comes back for a new kind of failure, and not for more of the same', async () => {
    because('one');
    failed(1);
    await vi.waitFor(() => expect(told()).toEqual(['error: “Sweep”: ValueError: one ×1']));
    manager.dismiss();
    because('one', 'one');
    failed(2);
    await vi.waitFor(() => expect(asked).toBe(2));
    expect(told()).toEqual([]);
    because('one', 'one', 'another');
    failed(3);
    await vi.waitFor(() => expect(told()).toEqual(['error: “Sweep”: ValueError: another ×1']));
  });

  test.each<[string, () => void]>([
    ['its project was muted', () => preferences.mute('p', true)],
    ['notifications were turned off', () => preferences.set('notifications', false)],
    ['those of failures were turned off', () => preferences.set('notifyOnFailure', false)],
    ['somebody looks at it', () => (inSight = 'p')]
  ])('doesn’t come back for a new kind once %s, even while that was asked for', async (_, turnOff) => {
    because('one');
    failed(1);
    await vi.waitFor(() => expect(browsed).toHaveLength(2));
    because('one', 'another');
    failed(2);
    expect(asked).toBe(2);
    manager.dismiss();
    turnOff();
    // Whatever the answer leads to has happened by the next task.
    await new Promise(resolve => setTimeout(resolve));
    expect(told()).toEqual([]);
    expect(browsed).toHaveLength(2);
  });

  test('isn’t changed any more once its project was muted', async () => {
    because('one');
    failed(1);
    preferences.mute('p', true);
    await new Promise(resolve => setTimeout(resolve));
    expect(told()).toEqual(['error: “Sweep”: 1 task failed']);
    expect(browsed).toHaveLength(1);
  });

  test('asks once at a time why tasks fail, however many do', async () => {
    because('one');
    for (let failures = 1; failures <= 212; failures += 1) {
      failed(failures);
    }
    expect(asked).toBe(1);
    await vi.waitFor(() => expect(asked).toBe(2));
    expect(manager.count).toBe(1);
  });

  test('of a slow run comes only where it is wanted', () => {
    const slow = () =>
      announcer.tell({
        kind: 'slow',
        project: project('p', []),
        run: run('Sweep'),
        elapsed: 360_000_000,
        usual: 240_000_000
      });
    slow();
    expect(told()).toEqual([]);
    preferences.set('notifyWhenSlow', true);
    slow();
    expect(told()).toEqual(['warning: “Sweep” takes longer than usual: 6:00, usually 4:00']);
  });

  test('tells what is the matter in words, of one and of several, where it is wanted', () => {
    const tell = (matter: object) =>
      announcer.tell({ project: project('p', []), run: run('Sweep'), ...matter } as never);
    const all = () => {
      tell({ kind: 'stale', count: 1 });
      tell({ kind: 'stale', count: 3 });
      tell({ kind: 'silent', agent: 'planner', count: 1, silence: 154_000_000 });
      tell({ kind: 'silent', agent: 'planner', count: 2, silence: 154_000_000 });
      tell({ kind: 'retry', task: 'upload', count: 1, attempt: 3 });
      tell({ kind: 'retry', task: 'upload', count: 2, attempt: 5 });
    };
    inSight = 'p';
    all();
    inSight = null;
    preferences.mute('p', true);
    all();
    preferences.mute('p', false);
    preferences.set('notifyOnSilence', false);
    preferences.set('notifyOnRetryLoop', false);
    all();
    expect(told()).toEqual([]);
    preferences.set('notifyOnSilence', true);
    all();
    preferences.set('notifyOnRetryLoop', true);
    preferences.set('notifyOnSilence', false);
    all();
    const texts = [
      '“Sweep”: nothing is heard of 1 running task',
      '“Sweep”: nothing is heard of 3 running tasks',
      '“Sweep”: agent “planner” is silent for 2:34',
      '“Sweep”: 2 agents are silent',
      '“Sweep”: “upload” is at attempt 3',
      '“Sweep”: 2 tasks are tried again and again'
    ];
    expect(told().reverse()).toEqual(texts.map(text => `warning: ${text}`));
    expect(browsed).toEqual(texts);
  });

  test('is told to the browser with each new kind of failure and with the end, and not with each failure', async () => {
    because('one');
    for (let failures = 1; failures <= 50; failures += 1) {
      failed(failures);
    }
    await vi.waitFor(() => expect(browsed).toHaveLength(2));
    ended('failed', 50);
    expect(browsed).toEqual([
      '“Sweep”: 1 task failed',
      '“Sweep”: ValueError: one ×1',
      '“Sweep” failed after 1:30 · 50 failures'
    ]);
  });
});
