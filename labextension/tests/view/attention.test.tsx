import { act, cleanup, fireEvent, render } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { AttentionSection } from '../../src/view/attention/attention.js';
import { NOTHING_STALE } from '../../src/core/presence.js';
import { show } from './page.js';
import { Story } from './story.js';

function failing(kinds: number): Story {
  const story = new Story().task('run', null, { title: 'run', status: 'running' });
  for (let i = 0; i < kinds; i++) {
    fail(story, i);
  }
  return story;
}

const LETTERS = 'abcdefghijkl';

function fail(story: Story, i: number): void {
  const error = { type: `${LETTERS[i]}Error`, message: 'bad' };
  story.task(`task ${i}`, 'run', { status: 'failed', error });
}

function section(story: Story, onReveal: (id: string) => void = () => undefined) {
  const roots = ['run'];
  const draw = (version: string) => (
    <div className="tt-view">
      <AttentionSection
        tree={story.tree}
        version={version}
        roots={roots}
        isLive
        stale={NOTHING_STALE}
        onReveal={onReveal}
      />
    </div>
  );
  const page = render(draw('1'));
  const list = () => page.container.querySelector<HTMLElement>('.tt-attention-list')!;
  return {
    ...page,
    list,
    items: () => [...page.container.querySelectorAll<HTMLElement>('.tt-attention-item')],
    count: () => page.container.querySelector('.tt-section-count')?.textContent,
    /** The next look is taken a second after the last. */
    async later() {
      page.rerender(draw(`${Math.random()}`));
      await act(() => vi.advanceTimersByTimeAsync(1500));
    }
  };
}

test('the panel’s section shows five, and all on demand', () => {
  const page = section(failing(8));
  expect(page.count()).toBe('8');
  expect(page.items()).toHaveLength(5);
  expect(page.items()[0]?.textContent).toContain('hError: bad');
  expect(page.items()[0]?.textContent).toContain('×1');
  fireEvent.click(page.getByRole('button', { name: 'all 8' }));
  expect(page.items()).toHaveLength(8);
  fireEvent.click(page.getByRole('button', { name: 'only 5' }));
  expect(page.items()).toHaveLength(5);
});

test('each leads to its task, by click and by keyboard', () => {
  const seen: string[] = [];
  const page = section(failing(3), id => seen.push(id));
  fireEvent.click(page.items()[1]!);
  page.items()[0]!.focus();
  fireEvent.keyDown(page.items()[0]!, { key: 'End' });
  expect(document.activeElement).toBe(page.items()[2]);
  fireEvent.click(document.activeElement!);
  fireEvent.keyDown(page.items()[2]!, { key: 'ArrowUp' });
  expect(document.activeElement).toBe(page.items()[1]);
  expect(page.items().filter(item => item.tabIndex === 0)).toHaveLength(1);
  expect(seen).toEqual(['task 1', 'task 0']);
});

test('where there is nothing, its title is there all the same', () => {
  const page = section(failing(0));
  expect(page.count()).toBe('nothing');
  expect(page.items()).toEqual([]);
  expect(page.list().style.height).toBe('0px');
});

test('while a pointer is near, nothing moves: what is new comes last, in the height there was', async () => {
  vi.useFakeTimers({ now: Date.parse('2026-01-31T14:10:00Z') });
  const story = failing(2);
  const page = section(story);
  const view = page.container.querySelector('.tt-view')!;
  const texts = () => page.items().map(item => item.querySelector('.tt-item-title')?.textContent);
  expect(page.list().style.height).toBe('52px');

  fireEvent.pointerMove(view);
  fail(story, 2);
  await page.later();
  expect(page.count()).toBe('3');
  expect(texts()).toEqual(['bError: bad', 'aError: bad', 'cError: bad']);
  expect(page.list().style.height).toBe('52px');

  act(() => {
    view.dispatchEvent(new Event('pointerleave'));
  });
  expect(texts()).toEqual(['cError: bad', 'bError: bad', 'aError: bad']);
  expect(page.list().style.height).toBe('78px');
  cleanup();
});

test('a thousand changes a second are looked at once a second', async () => {
  vi.useFakeTimers({ now: Date.parse('2026-01-31T14:10:00Z') });
  const story = failing(1);
  const page = section(story);
  const looked = vi.spyOn(story.tree, 'children');
  const looks = () => looked.mock.calls.filter(([id]) => id === 'run').length;
  for (let i = 0; i < 100; i++) {
    story.task(`more ${i}`, 'run', { status: 'completed' });
    await act(() => vi.advanceTimersByTimeAsync(30));
    page.rerender(
      <div className="tt-view">
        <AttentionSection
          tree={story.tree}
          version={`${i}`}
          roots={['run']}
          isLive
          stale={NOTHING_STALE}
          onReveal={() => undefined}
        />
      </div>
    );
  }
  expect(looks()).toBeGreaterThan(1);
  expect(looks()).toBeLessThan(8);
  cleanup();
});

test('the last one that hangs is told, though nothing happens any more', async () => {
  const story = new Story().task('run', null, { status: 'running' });
  for (let i = 0; i < 10; i++) {
    story.task(`fit ${i}`, 'run', { status: 'running' });
    story.node(`fit ${i}`, i === 9 ? { progress: 0.5 } : { status: 'completed' });
  }
  vi.useFakeTimers({ now: story.now / 1000 });
  const page = section(story);
  expect(page.count()).toBe('nothing');
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(page.items().map(item => item.textContent)).toEqual([expect.stringContaining('fit 9')]);
  cleanup();
});

test('in a view a chip counts them and opens the list, from which one comes to the task', async () => {
  const page = show(failing(2));
  const chip = page.getByRole('button', { name: '2 need attention' });
  expect(chip.getAttribute('aria-expanded')).toBe('false');
  await page.user.click(chip);
  const item = page.container.querySelector<HTMLElement>('.tt-attention-item')!;
  await page.user.click(item);
  expect(page.row('task 1').getAttribute('aria-selected')).toBe('true');
});

test('stale tasks, agents and retries are told in words', async () => {
  const story = new Story(Date.now() * 1000 - 300_000_000).task('run', null, {
    title: 'run',
    status: 'running'
  });
  story.task('upload shard 7', 'run', { status: 'running', attempt: 5 });
  story.event('coordination_update', {
    agents: { 'scraper-2': { last_heartbeat: new Date(Date.now() - 154_000).toISOString() } }
  });
  const page = show(story);
  page.follow.set({ stale: new Map([['upload shard 7', story.start]]) });
  await page.until(() => expect(page.getByRole('button', { name: '3 need attention' })).not.toBeNull());
  await page.user.click(page.getByRole('button', { name: '3 need attention' }));
  const texts = [...page.container.querySelectorAll('.tt-attention-item')].map(item => item.textContent);
  expect(texts.some(text => text.includes('upload shard 7 attempt 5'))).toBe(true);
  expect(texts.some(text => text.includes('upload shard 7 no word since'))).toBe(true);
  expect(texts.some(text => /agent “scraper-2” silent 2:3\d/.test(text))).toBe(true);
});

test('a stored tree claims nothing that only a clock decides', () => {
  const story = new Story().task('run', null, { title: 'run', status: 'running' });
  const page = show(story);
  page.unmount();
  const old = show(story, { follow: null, stored: { tree: story.tree, title: null, epoch: null } });
  expect(old.container.querySelector('.tt-attention-chip')?.hasAttribute('data-nothing')).toBe(true);
});
