import { expect, test, vi } from 'vitest';
import { english, wordsOf } from '../../src/view/words.js';
import { errorText, reasonText } from '../../src/view/reasons.js';
import { show } from './page.js';
import { Story } from './story.js';

const SECOND = 1_000_000;

/** Two fits run since a minute ago, and a group that its own process has. */
function twoFits(): Story {
  const story = new Story((Date.now() - 60_000) * 1000);
  return story
    .task('run', null, { status: 'running', expected: 3 })
    .task('fit', 'run', { status: 'running' })
    .task('one', 'fit', { status: 'running', message: 'fold 3/5' })
    .task('two', 'fit', { status: 'running' })
    .task('next', 'run', { status: 'ready' });
}

const clock = (row: HTMLElement) => row.querySelector('.tt-cell-elapsed')?.textContent;

test('a stale task says since when nobody has heard of it, and its clock stands still', async () => {
  const story = twoFits();
  const page = show(story);
  const since = story.start + 13 * SECOND;
  page.follow.set({
    stale: new Map([
      ['one', since],
      ['next', since]
    ])
  });

  await page.until(() => expect(page.row('one').textContent).toContain('no word since'));

  const [one, two, fit] = [page.row('one'), page.row('two'), page.row('fit')];
  expect(one.dataset.stale).toBe('true');
  expect(one.querySelector('svg[role="img"]')?.getAttribute('aria-label')).toMatch(
    /^no word since \d\d:\d\d$/
  );
  expect(one.querySelector('.tt-status-running')).toBeNull();
  expect(clock(one)).toBe('10.0\u202fs');
  expect(two.querySelector('.tt-status-running')).not.toBeNull();
  expect(two.dataset.stale).toBeUndefined();
  expect(fit.textContent).toContain('1 running');
  expect(fit.textContent).toContain('1 stale');
  expect(clock(fit)).toMatch(/^(5[5-9]|1:0\d)/);
  // What never began isn't said to be silent.
  expect(page.row('next').dataset.stale).toBeUndefined();
});

test('a whole run that is stale is timed to its last word, and heard again it runs on', async () => {
  const story = twoFits();
  const page = show(story);
  const since = story.start + 21 * SECOND;
  page.follow.set({ stale: new Map(['run', 'fit', 'one', 'two'].map(id => [id, since])) });

  await page.until(() => expect(page.container.querySelector('.tt-stats')?.textContent).toContain('2 stale'));

  const stats = page.container.querySelector('.tt-stats')?.textContent;
  expect(stats).toContain('no word since');
  expect(stats).not.toContain('running');
  expect(stats).toContain('20.0\u202fs');
  expect(page.container.querySelector('.tt-header > .tt-hidden')?.textContent).toContain('no word since');

  page.follow.set({ stale: new Map() });
  await page.until(() =>
    expect(page.container.querySelector('.tt-stats')?.textContent).toContain('2 running')
  );
  expect(page.container.querySelector('.tt-stale')).toBeNull();
});

test('what a long group sums up, and a table above its rows, counts no stale task as running', async () => {
  const story = new Story((Date.now() - 60_000) * 1000).task('run', null, { status: 'running' });
  const fits = Array.from({ length: 60 }, (_, at) => `fit ${at}`);
  fits.forEach(fit => story.task(fit, 'run', { status: 'running' }));
  story.task('done', 'run', { title: 'fit 60', status: 'completed' });
  const page = show(story);
  const stats = () => page.container.querySelector('.tt-table-stats')?.textContent;
  expect(page.titles().at(-1)).toBe('46 running, 1 completed');

  page.follow.set({ stale: new Map(['run', ...fits.slice(0, 50)].map(id => [id, story.start])) });
  await page.until(() => expect(page.titles().at(-1)).toBe('10 running, 36 stale, 1 completed'));
  page.follow.set({ stale: new Map(['run', ...fits].map(id => [id, story.start])) });
  await page.until(() => expect(page.titles().at(-1)).toBe('46 stale, 1 completed'));
  expect(page.row('run').querySelector('.tt-badge.tt-stale')?.textContent).toContain('60');

  await page.user.click(page.getByRole('tab', { name: 'Table' }));
  await page.until(() => expect(stats()).toBe('60 stale, 1 completed'));
  page.follow.set({ stale: new Map([['fit 0', story.start]]) });
  await page.until(() => expect(stats()).toBe('59 running, 1 stale, 1 completed'));
});

test('is found as such in every part, as it changes', async () => {
  const story = new Story((Date.now() - 60_000) * 1000).task('run', null, {
    title: 'Run',
    status: 'completed'
  });
  const fits = Array.from({ length: 120 }, (_, at) => `fit ${at}`);
  fits.forEach((fit, at) =>
    story.task(fit, 'run', { status: at === 7 ? 'failed' : at < 20 ? 'running' : 'completed' })
  );
  const page = show(story);
  const silent = (...ids: string[]) => page.follow.set({ stale: new Map(ids.map(id => [id, story.start])) });
  await page.user.type(page.getByRole('searchbox'), 'status:stale');
  expect(page.container.querySelector('.tt-found')?.textContent).toContain('Nothing matches');
  silent('fit 1', 'fit 2', 'fit 30');
  await page.until(() => expect(page.titles()).toEqual(['Run', 'fit 1', 'fit 2']));
  silent('fit 2', 'fit 3');
  await page.until(() => expect(page.titles()).toEqual(['Run', 'fit 2', 'fit 3']));
  story.node('fit 2', { status: 'completed' });
  page.follow.set({});
  await page.until(() => expect(page.titles()).toEqual(['Run', 'fit 3']));

  await page.user.click(page.getByRole('tab', { name: 'Table' }));
  const rows = () =>
    [...page.container.querySelectorAll<HTMLElement>('.tt-tbody [data-row]')].map(row => row.dataset.row);
  await page.until(() => expect(rows()).toEqual(['fit 3']));
  silent('fit 4', 'fit 5');
  await page.until(() => expect(rows()).toEqual(['fit 4', 'fit 5']));

  await page.user.click(page.getByRole('tab', { name: /Failures/ }));
  await page.until(() => expect(page.container.textContent).toContain('No failure matches'));
});

test('what somebody opened while they look stays open as others fall silent', async () => {
  const story = new Story((Date.now() - 60_000) * 1000).task('run', null, {
    title: 'Run',
    status: 'running'
  });
  story.task('a', 'run', { status: 'running' }).task('a1', 'a', { status: 'completed' });
  story.task('b', 'run', { status: 'running' });
  const page = show(story);
  page.follow.set({ stale: new Map([['a', story.start]]) });
  await page.user.type(page.getByRole('searchbox'), 'status:stale');
  await page.until(() => expect(page.titles()).toEqual(['Run', 'a']));
  await page.user.click(page.row('a').querySelector('[data-twisty="true"]')!);
  expect(page.titles()).toEqual(['Run', 'a', 'a1']);
  page.follow.set({ stale: new Map(['a', 'b'].map(id => [id, story.start])) });
  await page.until(() => expect(page.titles()).toEqual(['Run', 'a', 'a1', 'b']));
});

test('details explain it, and keep what the task said last', async () => {
  const story = twoFits();
  const page = show(story);
  page.follow.set({ stale: new Map([['one', story.start]]) });
  await page.until(() => expect(page.row('one').dataset.stale).toBe('true'));

  await page.user.click(page.row('one'));

  const details = page.getByRole('region', { name: 'Details of one' });
  expect(details.textContent).toContain('it may be gone, or only away');
  expect(details.textContent).toContain('fold 3/5');
});

test('a task that has ended is not stale, whatever was told before', async () => {
  const story = twoFits();
  const page = show(story);
  page.follow.set({ stale: new Map([['one', story.start]]) });
  await page.until(() => expect(page.row('one').dataset.stale).toBe('true'));
  story.node('one', { status: 'completed' });
  page.follow.set({ tree: story.tree });
  await page.until(() => {
    expect(page.row('one').dataset.status).toBe('completed');
    expect(page.row('one').dataset.stale).toBeUndefined();
  });
});

test('how a kernel died is said in the row, in the language of the reader', () => {
  const story = new Story().task('run', null, { status: 'running' }).node('run', {
    status: 'failed',
    trigger: 'kernel_died',
    reason: 'killed by SIGKILL',
    error: { type: 'Kernel died', message: 'killed by SIGKILL' }
  });
  story.task('other', null, { status: 'cancelled', trigger: 'kernel_restarted', reason: 'kernel restarted' });
  const page = show(story, { missionId: 'run' });
  expect(page.row('run').textContent).toContain('Kernel died: killed by SIGKILL');
  const german = wordsOf({
    'Kernel died: %1': ['Kernel gestorben: %1'],
    'killed by %1': ['beendet durch %1']
  });
  expect(errorText(german, story.tree.node('run')!)).toBe('Kernel gestorben: beendet durch SIGKILL');
  const own = { ...story.tree.node('run')!, error: { type: 'ValueError', message: 'x' } };
  expect(errorText(german, own)).toBe('ValueError: x');
  page.unmount();
  const cancelled = show(story, { missionId: 'other' });
  expect(cancelled.row('other').textContent).toContain('kernel restarted');
});

test('reasons that nobody knows stay as they came', () => {
  expect(reasonText(english, 'ended with exit code 137')).toBe('ended with exit code 137');
  expect(reasonText(english, 'killed by SIGKILL, probably out of memory')).toContain('out of memory');
  const spy = vi.fn((msgid: string) => msgid);
  reasonText({ __: spy, _n: spy }, 'the user’s own');
  expect(spy).not.toHaveBeenCalled();
});
