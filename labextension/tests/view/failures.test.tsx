import { act, within } from '@testing-library/react';
import { beforeEach, expect, test, vi } from 'vitest';
import { StaticTree } from '../../src/core/static-tree.js';
import { show } from './page.js';
import { Story } from './story.js';

const TRACEBACK = `Traceback (most recent call last):
  File "/home/ada/fit.py", line 12, in fit
    check(X)
  File "/opt/venv/lib/python3.11/site-packages/sklearn/base.py", line 1389, in wrapper
    return f()
ValueError: Input X contains NaN.`;

const nan = {
  status: 'failed',
  error: { type: 'ValueError', message: 'Input X contains NaN.', traceback: TRACEBACK }
};

function search(fits = 12): Story {
  const story = new Story().task('run', null, { title: 'Grid search', status: 'running' });
  for (let i = 0; i < fits; i++) {
    story.task(`fit ${i}`, 'run', {
      ...(i % 3 === 0 ? nan : { status: 'completed' }),
      params: i % 3 === 0 ? { depth: i } : { depth: i, imputer: 'mean' }
    });
  }
  return story.task('upload', 'run', { status: 'failed', error: { type: 'OSError', message: 'no space' } });
}

async function failuresOf(story: Story) {
  const page = show(story);
  await page.user.selectOptions(page.getByRole('combobox', { name: 'View' }), 'failures');
  const heads = () => [...page.container.querySelectorAll<HTMLElement>('.tt-failure-head')];
  return {
    ...page,
    heads,
    texts: () => heads().map(head => head.querySelector('.tt-failure-text')?.textContent)
  };
}

beforeEach(() => {
  localStorage.clear();
});

test('failures stand by what they have in common, with how many, the first, the last and where', async () => {
  const page = await failuresOf(search());
  expect(page.texts()).toEqual(['ValueError: Input X contains NaN.', 'OSError: no space']);
  const [row] = page.container.querySelectorAll('.tt-failure');
  expect(row?.textContent).toContain('×4');
  expect(row?.textContent).toContain('fit.py:12 in fit');
  expect(row?.textContent).toContain('all with imputer=None');
  expect([...(row?.querySelectorAll('.tt-link') ?? [])].map(link => link.textContent)).toEqual([
    'fit 0',
    'fit 9'
  ]);
  expect(page.container.querySelector('.tt-failures-count')?.textContent).toBe('5 failures · 2 kinds');
});

test('the traceback is there once, as in the details, and can be copied', async () => {
  const page = await failuresOf(search());
  const copied = vi.fn((_text: string) => Promise.resolve());
  vi.spyOn(navigator.clipboard, 'writeText').mockImplementation(copied);
  expect(page.queryByRole('group', { name: 'Traceback' })).toBeNull();
  await page.user.click(page.heads()[0]!);
  const traceback = page.getByRole('group', { name: 'Traceback' });
  expect(traceback.querySelector('.tt-frame-own')?.textContent).toContain('check(X)');
  expect(page.getByText('1 frame of libraries').closest('details')?.open).toBe(false);
  await page.user.click(page.getByRole('button', { name: 'Copy traceback' }));
  expect(copied).toHaveBeenCalledWith(TRACEBACK);
  await page.user.click(page.heads()[1]!);
  expect(page.container.textContent).toContain('No traceback was kept.');
  await page.user.click(page.container.querySelector<HTMLElement>('[data-node-id]')!);
  await page.until(() => expect(page.queryByRole('region')).toBeTruthy());
  const details = within(page.getByRole('region')).getByRole('group', { name: 'Traceback' });
  expect(details.outerHTML).toBe(traceback.outerHTML);
});

test.each([TRACEBACK, 'no traceback', '  File "x", line 1\n\n<b>bold</b>'])(
  'a traceback is shown whole to who wants it, whatever it is: %j',
  async text => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('a', 'run', { status: 'failed', error: { type: 'E', message: 'm', traceback: text } });
    const page = await failuresOf(story);
    const whole = page.queryByRole('button', { name: 'Whole traceback' });
    if (whole) {
      await page.user.click(whole);
    }
    expect(page.getByRole('group', { name: 'Traceback' }).textContent).toBe(text);
  }
);

test('the first and the last lead to the task in the tree', async () => {
  const page = await failuresOf(search());
  await page.user.click(page.getByRole('button', { name: 'fit 9' }));
  expect(page.row('fit 9').getAttribute('aria-selected')).toBe('true');
  expect(page.getByRole('region', { name: 'Details of fit 9' })).not.toBeNull();
});

test('all of it goes by keyboard: up and down between kinds, right and left to open and close', async () => {
  const page = await failuresOf(search());
  page.heads()[0]!.focus();
  await page.user.keyboard('{ArrowDown}');
  expect(document.activeElement).toBe(page.heads()[1]);
  await page.user.keyboard('{Home}{ArrowRight}');
  expect(page.heads()[0]?.getAttribute('aria-expanded')).toBe('true');
  await page.user.keyboard('{ArrowLeft}{End}{Enter}');
  expect(page.heads().map(head => head.getAttribute('aria-expanded'))).toEqual(['false', 'true']);
  // One stop for the Tab key, and the links of that row.
  expect(page.container.querySelectorAll('.tt-failures-list [tabindex="0"]')).toHaveLength(2);
});

test('in the other order the newest come first, and a screen reader hears which order it is', async () => {
  const page = await failuresOf(search());
  await page.user.click(page.getByRole('button', { name: 'newest' }));
  expect(page.texts()[0]).toBe('OSError: no space');
  expect(page.getByRole('button', { name: 'newest' }).getAttribute('aria-pressed')).toBe('true');
});

test('nothing changes places under the pointer', async () => {
  const story = search();
  const page = await failuresOf(story);
  await page.user.hover(page.heads()[1]!);
  for (let i = 0; i < 9; i++) {
    story.task(`upload ${i}`, 'run', { status: 'failed', error: { type: 'OSError', message: 'no space' } });
  }
  act(() => page.follow.set({ tree: story.tree }));
  await page.until(() => expect(page.heads()[1]?.textContent).toContain('×10'));
  expect(page.texts()).toEqual(['ValueError: Input X contains NaN.', 'OSError: no space']);
  await page.user.unhover(page.container.querySelector('.tt-failures-list')!);
  await page.until(() => expect(page.texts()[0]).toBe('OSError: no space'));
});

test('only what is looked for is counted, and it says of how many', async () => {
  const page = await failuresOf(search());
  await page.user.type(page.getByRole('searchbox'), 'fit');
  expect(page.texts()).toEqual(['ValueError: Input X contains NaN.']);
  expect(page.container.querySelector('.tt-failures-count')?.textContent).toBe('4 of 5 · 1 kind');
  await page.user.clear(page.getByRole('searchbox'));
  await page.user.type(page.getByRole('searchbox'), 'nothing like it');
  expect(page.getByText('No failure matches')).not.toBeNull();
});

test('where nothing failed it says so', async () => {
  const page = await failuresOf(new Story().task('run', null, { status: 'running' }));
  expect(page.getByText('No failures')).not.toBeNull();
});

test('hostile words stay words', async () => {
  const story = new Story().task('run', null).task('a', 'run', {
    status: 'failed',
    error: {
      type: '<img src=x onerror=alert(1)>',
      message: '\u202eevil\nmore',
      traceback: '<script>alert(1)</script>'
    }
  });
  const page = await failuresOf(story);
  expect(page.texts()[0]).toBe('<img src=x onerror=alert(1)>: \ufffdevil');
  expect(page.container.querySelector('img, script')).toBeNull();
});

test('of a stored tree it says how many failures aren’t in it', async () => {
  const rollup = {
    leaves: 9,
    total: 9,
    done: 9000,
    progress: 1000,
    failures: 8,
    counts: { failed: 8, completed: 1 }
  };
  const tree = new StaticTree({
    offset: 1,
    at: 1,
    nodes: [
      { node_id: 'run', title: 'run', status: 'failed', rollup },
      { node_id: 'a', parent_id: 'run', title: 'a', status: 'failed' }
    ] as never,
    omitted: { run: { count: 7, counts: { failed: 7 } } }
  });
  const page = show(null, {
    follow: null,
    hub: null,
    stored: { tree, title: 'p', epoch: null },
    missionId: 'run'
  });
  await page.user.selectOptions(page.getByRole('combobox', { name: 'View' }), 'failures');
  expect(page.container.textContent).toContain('failed without a reason');
  expect(page.container.textContent).toContain('7 more, not kept in this output');
});
