// What the details of a task tell besides its fields: where it failed, what it wrote, measured and tried.
import { act, fireEvent, within } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { StoryHistory } from './history.js';
import { show } from './page.js';
import { FakeHub, Story } from './story.js';

const TRACEBACK = `Traceback (most recent call last):
  File "/home/ada/churn/features.py", line 12, in fit
    check(X)
  File "/opt/lib/python3.11/site-packages/sklearn/utils/validation.py", line 1105, in assert_all_finite
    raise ValueError("Input X contains NaN.")
ValueError: Input X contains NaN.`;

afterEach(() => localStorage.clear());

function open(story: Story, withServer = true) {
  const history = new StoryHistory(story);
  const hub = new FakeHub();
  if (withServer) {
    hub.history = history;
  }
  const page = show(story, { hub });
  let told = story.events.length;
  return {
    ...page,
    history,
    details: () => page.container.querySelector<HTMLElement>('.tt-details')!,
    /** What was told since reaches the page. */
    pass: () =>
      act(() => {
        page.follow.stream.tell(story.events.slice(told));
        told = story.events.length;
        page.follow.set({});
      })
  };
}

function failing(): Story {
  const story = new Story().task('run', null, { status: 'running' });
  story.task('a', 'run', { status: 'running', agent: 'w' });
  story.node('a', { status: 'failed', error: { type: 'TimeoutError', message: 'slow' } });
  story.node('a', { status: 'ready' }).node('a', { status: 'running' });
  return story.node('a', {
    status: 'failed',
    error: { type: 'ValueError', message: 'Input X contains NaN.', traceback: TRACEBACK }
  });
}

test('the user’s own code stands first, libraries are folded, and the whole can be had', async () => {
  const page = open(failing());
  await page.user.click(page.row('a'));
  const traceback = within(page.details()).getByRole('group', { name: 'Traceback' });
  expect(page.details().querySelector('.tt-error-text')?.textContent).toBe(
    'ValueError: Input X contains NaN.'
  );
  const own = [...traceback.querySelectorAll('.tt-frame-own')].map(each => each.textContent);
  expect(own).toEqual(['churn/features.py:12 · fitcheck(X)']);
  expect(within(traceback).getByText('1 frame of libraries').closest('details')?.open).toBe(false);
  expect(traceback.textContent).toContain('sklearn/utils/validation.py:1105');
  await page.user.click(within(page.details()).getByRole('button', { name: 'Whole traceback' }));
  expect(within(page.details()).getByText(/most recent call last/).textContent).toBe(TRACEBACK);
  await page.user.click(within(page.details()).getByRole('button', { name: 'Copy traceback' }));
  expect(await navigator.clipboard.readText()).toBe(TRACEBACK);
});

test('each attempt tells when it was and how it ended', async () => {
  const page = open(failing());
  await page.user.click(page.row('a'));
  await page.until(() => expect(page.details().querySelectorAll('.tt-attempt-item')).toHaveLength(2));
  const [last, first] = [...page.details().querySelectorAll('.tt-attempt-item')];
  expect(last?.textContent).toMatch(/^2failed/);
  expect(first?.textContent).toMatch(/^1failed.* 1\.0.sTimeoutError: slow$/);
});

test('log lines come live at the end, older ones from the server, found by text and level', async () => {
  const story = new Story().task('run', null, { status: 'running' });
  for (let i = 0; i < 230; i += 1) {
    story.event('node_log', { node_id: 'run', level: i === 3 ? 'error' : 'info', message: `line ${i}` });
  }
  const page = open(story);
  await page.user.click(page.row('run'));
  const lines = () => [...page.details().querySelectorAll('.tt-log-message')].map(each => each.textContent);
  await page.until(() => expect(lines()).toHaveLength(200));
  story.event('node_log', { node_id: 'run', level: 'info', message: 'just now' });
  page.pass();
  await page.until(() => expect(lines().at(-1)).toBe('just now'));
  await page.user.click(within(page.details()).getByRole('button', { name: 'Earlier lines' }));
  await page.until(() => expect(lines()[0]).toBe('line 0'));
  await page.user.type(within(page.details()).getByRole('searchbox'), 'LINE 22');
  await page.until(() =>
    expect(lines()).toEqual(['line 22', ...Array.from({ length: 10 }, (_, i) => `line 22${i}`)])
  );
  await page.user.clear(within(page.details()).getByRole('searchbox'));
  await page.user.selectOptions(
    within(page.details()).getByRole('combobox', { name: 'Lowest level' }),
    'warning'
  );
  await page.until(() => expect(lines()).toEqual(['line 3']));
});

test('somebody who scrolled away reads on in peace, and is told how much is new', async () => {
  const story = new Story().task('run', null, { status: 'running' });
  story.event('node_log', { node_id: 'run', level: 'info', message: 'one' });
  story.event('node_log', { node_id: 'run', level: 'info', message: 'two' });
  const page = open(story);
  await page.user.click(page.row('run'));
  await page.until(() => expect(page.details().querySelectorAll('.tt-log-line')).toHaveLength(2));
  const scroller = within(page.details()).getByRole('group', { name: 'Log lines' });
  Object.defineProperty(scroller, 'scrollHeight', { value: 1000, configurable: true });
  scroller.scrollTop = 100;
  fireEvent.scroll(scroller);
  for (const message of ['three', 'four']) {
    story.event('node_log', { node_id: 'run', level: 'info', message });
  }
  page.pass();
  const button = await within(page.details()).findByRole('button', { name: '2 new ↓' });
  expect(page.details().querySelectorAll('.tt-log-line')).toHaveLength(2);
  await page.user.click(button);
  await page.until(() => expect(page.details().querySelectorAll('.tt-log-line')).toHaveLength(4));
});

test('without a server the last line is there, and it says what needs one', async () => {
  const story = failing();
  story.event('node_log', { node_id: 'a', level: 'info', message: 'one' });
  story.event('node_log', { node_id: 'a', level: 'warning', message: 'two' });
  const page = open(story, false);
  await page.user.click(page.row('a'));
  expect(page.details().textContent).toContain('two');
  expect(page.details().textContent).toContain('Earlier lines need the server.');
  expect(page.details().textContent).toContain('Earlier attempts need the server.');
});

test('of a log that the server let go the last line is there, and it says that there are no others', async () => {
  const story = new Story().task('run', null, { status: 'running' });
  story.event('node_log', { node_id: 'run', level: 'info', message: 'one' });
  story.event('node_log', { node_id: 'run', level: 'warning', message: 'two' });
  const page = open(story);
  page.history.trimmed = story.events.length;
  await page.user.click(page.row('run'));
  await page.until(() =>
    expect(page.details().textContent).toContain('The server keeps no lines of it any more.')
  );
  expect(page.details().querySelector('.tt-log-line')?.textContent).toContain('two');
  story.event('node_log', { node_id: 'run', level: 'info', message: 'three' });
  page.pass();
  await page.until(() => expect(page.details().querySelectorAll('.tt-log-line')).toHaveLength(1));
  expect(page.details().querySelector('.tt-log-line')?.textContent).toContain('three');
});

function measured(): Story {
  const story = new Story().task('run', null, { status: 'running' });
  for (let i = 0; i < 20; i += 1) {
    story.node('run', {
      metrics: { loss: i === 5 ? 'NaN' : i === 9 ? 7 : 1 - i / 20, step: i * 10, lr: 0.1 }
    });
  }
  return story;
}

test('a metric is a plot that can be read by keyboard, with its gaps and its spike', async () => {
  const page = open(measured());
  await page.user.click(page.row('run'));
  const slider = await within(page.details()).findByRole('slider', { name: /^loss/ });
  expect(slider.getAttribute('aria-label')).toBe('loss: 20 values from 0.05 to 7, the last 0.05');
  expect(slider.closest('figure')?.textContent).toContain('1 gap');
  expect(slider.querySelectorAll('.tt-series-line')).toHaveLength(2);
  slider.focus();
  await page.user.keyboard('{Home}{ArrowRight}');
  expect(slider.getAttribute('aria-valuetext')).toMatch(/^0\.95 at /);
  await page.user.keyboard('{ArrowRight}{ArrowRight}{ArrowRight}{ArrowRight}');
  expect(slider.getAttribute('aria-valuetext')).toMatch(/^NaN at /);
  await page.user.click(within(page.details()).getByRole('button', { name: 'by step' }));
  slider.focus();
  await page.user.keyboard('{End}');
  expect(slider.getAttribute('aria-valuetext')).toMatch(/^0\.05 at step 190$/);
});

test('values that come are drawn, a constant is only told', async () => {
  const story = measured();
  const page = open(story);
  await page.user.click(page.row('run'));
  const label = () =>
    within(page.details()).getByRole('slider', { name: /^loss/ }).getAttribute('aria-label');
  await within(page.details()).findByRole('slider', { name: /^loss/ });
  story.node('run', { metrics: { loss: 0.01 } });
  page.pass();
  await page.until(() => expect(label()).toBe('loss: 21 values from 0.01 to 7, the last 0.01'));
});

test('a row shows the metric that changes, in words too', async () => {
  const story = measured();
  const page = open(story);
  act(() => page.follow.stream.tell(story.events));
  act(() => page.follow.set({}));
  await page.until(() =>
    expect(
      within(page.row('run')).getByRole('img', { name: 'loss: 20 values from 0.05 to 7, the last 0.05' })
    ).toBeTruthy()
  );
});

test('a section that was put away stays away, for every task', async () => {
  const story = new Story()
    .task('run', null, { params: { depth: 3 } })
    .task('a', 'run', { params: { depth: 4 } });
  const page = open(story);
  await page.user.click(page.row('run'));
  const toggle = () => within(page.details()).getByRole('button', { name: 'Parameters' });
  expect(toggle().getAttribute('aria-expanded')).toBe('true');
  await page.user.click(toggle());
  await page.user.click(page.row('a'));
  expect(toggle().getAttribute('aria-expanded')).toBe('false');
  expect(page.details().textContent).not.toContain('depth');
});

test('Escape anywhere in it closes it, and the keyboard is back on the row it came from', async () => {
  const page = open(failing());
  const row = page.row('a');
  row.focus();
  await page.user.keyboard('{Enter}');
  within(page.details()).getByRole('button', { name: 'Timings' }).focus();
  await page.user.keyboard('{Escape}');
  expect(page.details()).toBeNull();
  expect(document.activeElement).toBe(page.row('a'));
});

test('the way up, and all of it as JSON', async () => {
  const page = open(failing());
  await page.user.click(page.row('a'));
  await page.user.click(within(page.details()).getByRole('button', { name: 'JSON' }));
  await page.user.click(within(page.details()).getByRole('button', { name: 'Copy JSON' }));
  expect(JSON.parse(await navigator.clipboard.readText())).toMatchObject({ node_id: 'a', status: 'failed' });
  await page.user.click(within(page.details()).getByRole('button', { name: 'run' }));
  expect(page.details().getAttribute('aria-label')).toBe('Details of run');
});
