import { act } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import type { Connection, FollowStatus } from '../../src/core/follow.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { bundleOf } from '../../src/core/compact.js';
import { viewState, wording } from '../../src/view/connection.js';
import { english } from '../../src/view/words.js';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

const CONNECTIONS: Connection[] = [
  { kind: 'connecting' },
  { kind: 'open' },
  { kind: 'waiting', attempt: 1, retryAt: Date.now() + 3000 },
  ...(['max_attempts', 'refused', 'version', 'absent', 'disconnected'] as const).map(reason => ({
    kind: 'stopped' as const,
    reason,
    message: 'what to do'
  }))
];
const STATUSES: FollowStatus[] = ['connecting', 'catching-up', 'live', 'offline', 'gone', 'refused'];

function stored(story: Story, missionId = 'run') {
  const origin = { projectId: 'p', missionId, title: 'x.ipynb', epoch: 'e1', follow: false };
  const bundle = JSON.parse(JSON.stringify(bundleOf(story.tree, origin))) as ReturnType<typeof bundleOf>;
  return { tree: new StaticTree(bundle), title: 'x.ipynb', epoch: 'e1' };
}

describe('"live"', () => {
  test('is said only of a live project on an open connection', () => {
    for (const connection of CONNECTIONS) {
      for (const status of STATUSES) {
        const state = viewState({ status, error: null }, connection);
        const isTrue = status === 'live' && connection.kind === 'open';
        expect(state.kind === 'live', `${status} on ${connection.kind}`).toBe(isTrue);
        expect(wording(english, state, null, Date.now()).text === 'live').toBe(isTrue);
      }
    }
  });

  test('is never said of a tree from the file', () => {
    for (const connection of CONNECTIONS) {
      for (const status of STATUSES) {
        const { text, tone } = wording(
          english,
          viewState({ status, error: null }, connection),
          1e15,
          Date.now()
        );
        expect(text).toContain('(not live)');
        expect(tone).not.toBe('live');
      }
    }
    expect(wording(english, viewState(null, null), null, Date.now()).text).toBe('not live');
  });

  test('goes at once when the connection does', async () => {
    const page = show(gridSearch());
    expect(page.getByText('live', { selector: '.tt-connection-text' })).toBeTruthy();
    act(() => page.hub.set({ kind: 'waiting', attempt: 1, retryAt: Date.now() + 3000 }));
    expect(page.queryByText('live', { selector: '.tt-connection-text' })).toBeNull();
    expect(page.getByText(/offline, retry in [23] s/, { selector: '.tt-connection-text' })).toBeTruthy();
    await page.user.click(page.getByRole('button', { name: 'retry now' }));
    expect(page.hub.retries).toBe(1);
  });

  test('what isn’t live can be tried again by keyboard', async () => {
    const page = show(gridSearch());
    act(() => page.hub.set({ kind: 'waiting', attempt: 1, retryAt: Date.now() + 9000 }));
    const button = page.getByRole('button', { name: 'retry now' });
    for (let stop = 0; stop < 20 && document.activeElement !== button; stop++) {
      await page.user.tab();
    }
    expect(document.activeElement).toBe(button);
    await page.user.keyboard('{Enter}');
    await page.user.keyboard(' ');
    expect(page.hub.retries).toBe(2);
  });

  test('the countdown runs for the eye and is not read out every second', () => {
    vi.useFakeTimers();
    vi.setSystemTime(new Date('2026-01-31T14:00:10Z'));
    const page = show(gridSearch());
    act(() => page.hub.set({ kind: 'waiting', attempt: 1, retryAt: Date.now() + 9000 }));
    const spoken = () => page.container.querySelector('.tt-connection [role="status"]')?.textContent;
    const before = spoken();
    expect(page.getByText('offline, retry in 9 s', { selector: '.tt-connection-text' })).toBeTruthy();
    act(() => void vi.advanceTimersByTime(4000));
    expect(page.getByText('offline, retry in 5 s', { selector: '.tt-connection-text' })).toBeTruthy();
    expect(spoken()).toBe(before);
  });
});

describe('time', () => {
  test('runs only while what runs is live', () => {
    vi.useFakeTimers();
    vi.setSystemTime(new Date('2026-01-31T14:00:10Z'));
    const story = new Story().task('run', null, { status: 'running' });
    const page = show(story);
    const time = () => page.row('run').querySelector('.tt-cell-elapsed')?.textContent;
    const first = time();
    act(() => void vi.advanceTimersByTime(5000));
    const later = time();
    expect([first, later]).toEqual(['9\u202fs', '14\u202fs']);
    act(() => {
      page.follow.set({ status: 'offline', heardAt: Date.now() });
      vi.advanceTimersByTime(200);
    });
    const frozen = time();
    act(() => void vi.advanceTimersByTime(60_000));
    expect(time()).toBe(frozen);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of a stored tree stands where it was stored', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 41; i += 1) {
      story.task('step', 'run', { status: 'running', progress: i / 100 });
    }
    const page = show(null, { stored: stored(story), follow: null, hub: null, missionId: 'run' });
    expect(page.row('run').querySelector('.tt-cell-elapsed')?.textContent).toBe('41.0\u202fs');
    expect(page.getByText(/^stored at .* \(not live\)$/, { selector: '.tt-connection-text' })).toBeTruthy();
  });
});

describe('stored, then live', () => {
  test('the stored tree is there at once, the live one takes its place, what was opened stays open', async () => {
    const story = gridSearch(10);
    const page = show(null, { stored: stored(story), missionId: 'run' });
    await page.user.click(page.row('load data').querySelector('[data-twisty="true"]')!);
    expect(page.titles()).toContain('read');
    story.task('load/3', 'load', { title: 'write', status: 'completed' });
    act(() => page.follow.set({ tree: story.tree, status: 'live', heardAt: Date.now() }));
    expect(page.titles()).toContain('write');
    expect(page.queryByText(/not live/, { selector: '.tt-connection-text' })).toBeNull();
  });

  test('a live tree that is still behind the stored one is not shown: time never goes back', () => {
    const story = gridSearch(10);
    const early = new Story().task('run', null, { title: 'Grid search' });
    const page = show(null, { stored: stored(story), missionId: 'run' });
    act(() => page.follow.set({ tree: early.tree, status: 'catching-up', heardAt: Date.now() }));
    expect(page.titles()).toContain('fit');
    expect(page.getByText(/not live\) · catching up/, { selector: '.tt-connection-text' })).toBeTruthy();
  });

  test('a run that the server has no more is shown as stored', () => {
    const page = show(null, { stored: stored(gridSearch(10)), missionId: 'run' });
    act(() => page.follow.set({ tree: new Story().task('other', null).tree, status: 'live', epoch: 'e2' }));
    expect(page.titles()).toContain('fit');
    expect(page.getByText(/not live/, { selector: '.tt-connection-text' })).toBeTruthy();
  });
});

describe('nothing to show', () => {
  const cases: [string, (page: ReturnType<typeof show>) => void, RegExp][] = [
    ['connecting', page => page.hub.set({ kind: 'connecting' }), /Connecting/],
    ['live and empty', page => page.follow.set({ status: 'live', tree: new Story().tree }), /first task/],
    [
      'offline',
      page => page.hub.set({ kind: 'waiting', attempt: 3, retryAt: Date.now() + 1000 }),
      /comes back by itself/
    ],
    ['gone', page => page.follow.set({ status: 'gone' }), /isn’t on the server[\s\S]*again/],
    ['refused', page => page.follow.set({ status: 'refused', error: 'Ask Ada.' }), /No access[\s\S]*Ask Ada/],
    [
      'absent',
      page => page.hub.set({ kind: 'stopped', reason: 'absent', message: 'Install it.' }),
      /No TaskTree server[\s\S]*Install it/
    ]
  ];
  test.each(cases)('%s: says what to do', (_, set, words) => {
    const page = show(null);
    act(() => set(page));
    expect(page.container.textContent).toMatch(words);
  });
});
