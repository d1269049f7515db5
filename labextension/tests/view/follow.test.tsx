// Keeping what runs in sight, and how long it still takes.
import { act, fireEvent } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { bundleOf } from '../../src/core/compact.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { show } from './page.js';
import { Story } from './story.js';

/** Steps one after the other, each with parts: the first `done` of them have ended. */
function steps(done: number): Story {
  const story = new Story((Date.now() - 600_000) * 1000).task('run', null, { status: 'running' });
  for (let i = 0; i < 12; i += 1) {
    story.task(`s${i}`, 'run', {
      title: `step ${i}`,
      status: i < done ? 'failed' : i === done ? 'running' : 'ready'
    });
    story.task(`s${i}/a`, `s${i}`, { status: 'completed' }).task(`s${i}/b`, `s${i}`, { status: 'completed' });
  }
  return story;
}

type Page = ReturnType<typeof show>;
const grid = (page: Page) => page.getByRole('treegrid');
const button = (page: Page) => page.getByRole('button', { name: 'Follow what runs' });

/** jsdom scrolls nowhere by itself, and tells nobody. */
function scrollTo(page: Page, top: number): void {
  act(() => {
    grid(page).scrollTop = top;
    fireEvent.scroll(grid(page));
  });
}

async function next(page: Page, story: Story, ended: string, begun: string): Promise<void> {
  story.node(ended, { status: 'failed' }).node(begun, { status: 'running' });
  const failed = [...story.tree.nodes()].filter(({ status }) => status === 'failed').length;
  act(() => page.follow.set({}));
  await page.until(() => expect(page.getByText(`${failed} failed`, { selector: '.tt-stat' })).toBeTruthy());
}

describe('following what runs', () => {
  test('keeps it in sight, step by step', async () => {
    const story = steps(1);
    const page = show(story, { layout: 'fill' });
    expect(grid(page).scrollTop).toBe(0);
    await page.user.click(button(page));
    expect(button(page).getAttribute('aria-pressed')).toBe('true');
    story.node('s1', { status: 'failed' }).node('s11', { status: 'running' });
    act(() => page.follow.set({}));
    await page.until(() => expect(grid(page).scrollTop).toBeGreaterThan(0));
    const running = Number(page.container.querySelector<HTMLElement>('[data-node-id="s11"]')!.dataset.index);
    expect(running * 26).toBeGreaterThanOrEqual(grid(page).scrollTop);
    expect(running * 26 + 26).toBeLessThanOrEqual(grid(page).scrollTop + 416);
  });

  test.each(['scrolls', 'moves'])('stops when somebody %s, until they resume', async how => {
    const story = steps(8);
    const page = show(story, { layout: 'fill' });
    await page.user.click(button(page));
    expect(page.queryByRole('button', { name: 'Follow again' })).toBeNull();
    if (how === 'scrolls') {
      scrollTo(page, 30);
    } else {
      await page.toTree();
      await page.user.keyboard('{Home}');
      scrollTo(page, 0);
    }
    const stood = grid(page).scrollTop;
    await next(page, story, 's8', 's11');
    expect(grid(page).scrollTop).toBe(stood);
    await page.user.click(page.getByRole('button', { name: 'Follow again' }));
    expect(grid(page).scrollTop).toBeGreaterThan(stood);
    expect(page.queryByRole('button', { name: 'Follow again' })).toBeNull();
  });

  test('is remembered', async () => {
    const page = show(steps(1), { projectId: 'follows' });
    await page.user.click(button(page));
    page.unmount();
    expect(button(show(steps(1), { projectId: 'follows' })).getAttribute('aria-pressed')).toBe('true');
  });
});

describe('how long it still takes', () => {
  const left = (page: Page) =>
    page.container.querySelector('.tt-stat-left')?.textContent.replace(/\u202f/g, ' ') ?? null;

  /** A run of which `ended` tasks have ended in ten minutes. */
  function run(ended: number, changes: Record<string, unknown>): Story {
    const start = Date.now() - 600_000;
    const story = new Story((start - 1000) * 1000).task('run', null, { status: 'running', ...changes });
    story.node('run', { started_at: new Date(start).toISOString() });
    for (let i = 0; i < ended; i += 1) {
      story.task(`t${i}`, 'run', { status: 'completed' });
    }
    return story.task('now', 'run', { status: 'running' });
  }

  test('is told by the rate at which tasks end, where it is known how many are to come', () => {
    expect(left(show(run(50, { expected: 90 })))).toBe('~8 min left');
  });

  test.each([
    ['nobody said how many are to come', run(50, {})],
    ['too few have ended', run(2, { expected: 90 })],
    ['all has ended', run(50, { expected: 90, status: 'completed' })]
  ])('isn’t told where %s', (_, story) => {
    expect(left(show(story))).toBeNull();
  });

  test('isn’t told of a stored tree, nor of a run that nobody hears of', async () => {
    const story = run(50, { expected: 90 });
    const bundle = bundleOf(story.tree, {
      projectId: 'p',
      missionId: 'run',
      title: 'x',
      epoch: null,
      follow: false
    });
    const stored = { tree: new StaticTree(bundle), title: 'x', epoch: null };
    expect(left(show(null, { stored, follow: null, hub: null, missionId: 'run' }))).toBeNull();
    const page = show(story);
    page.follow.set({ stale: new Map(['run', 'now'].map(id => [id, story.start])) });
    await page.until(() => expect(left(page)).toBeNull());
  });

  test('follows the last minute, not the first ones', () => {
    vi.useFakeTimers({ now: Date.now() });
    const story = run(50, { expected: 300 });
    const page = show(story);
    expect(left(page)).toBe('~50 min left');
    for (let second = 0; second < 30; second += 1) {
      for (let i = 0; i < 2; i += 1) {
        story.task(`u${second}.${i}`, 'run', { status: 'completed' });
      }
      act(() => {
        page.follow.set({});
        vi.advanceTimersByTime(1000);
      });
    }
    expect(left(page)).toBe('~2 min left');
  });
});
