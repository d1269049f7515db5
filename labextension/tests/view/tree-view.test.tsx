import { act, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { bundleOf } from '../../src/core/compact.js';
import type { ProjectInfo } from '../../src/core/follow.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

describe('rows', () => {
  test('a long group shows what failed and runs, and sums up the rest', async () => {
    const page = show(gridSearch(400));
    const fits = page.titles().filter(title => /^fit \d/.test(title));
    expect(fits).toHaveLength(14);
    expect(fits).toEqual(expect.arrayContaining(['fit 386', 'fit 394', 'fit 396', 'fit 399']));
    const rest = page.row('386 completed');
    expect(rest.getAttribute('aria-expanded')).toBe('false');
    await page.user.click(rest);
    expect(page.row('386 completed').getAttribute('aria-expanded')).toBe('true');
    expect(page.titles()).toContain('fit 1');
  });

  test('a click on a row within what is summed up opens its details at once: nothing slips away from under the pointer', async () => {
    const page = show(gridSearch(400));
    await page.user.click(page.row('386 completed'));
    const before = page.titles();
    await page.user.click(page.row('fit 1'));
    expect(page.row('fit 1').getAttribute('aria-selected')).toBe('true');
    expect(page.titles()).toEqual(before);
  });

  test('what a stored tree left out is told, and can’t be opened', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 900; i += 1) {
      story.task(`t${i}`, 'run', { status: i === 500 ? 'failed' : i === 800 ? 'running' : 'completed' });
    }
    const origin = { projectId: null, missionId: 'run', title: 'x', epoch: null, follow: false };
    const bundle = bundleOf(story.tree, origin, 20_000);
    const left = 900 + 1 - bundle.nodes.length;
    const page = show(null, {
      stored: { tree: new StaticTree(bundle), title: 'x', epoch: null },
      follow: null,
      hub: null,
      missionId: 'run'
    });
    expect(page.titles()).toContain('t500');
    expect(page.titles()).toContain('t800');
    const row = page.row(`${left} completed`);
    expect(row.textContent).toContain('not kept in this output');
    expect(row.hasAttribute('aria-expanded')).toBe(false);
    await page.user.click(row);
    expect(page.row(`${left} completed`)).toBeTruthy();
  });

  test('omitted counts that explain less say "more"', () => {
    const tree = new StaticTree({
      offset: 1,
      at: 1,
      nodes: [
        {
          node_id: 'run',
          title: 'run',
          status: 'running',
          rollup: { leaves: 9, total: 9, done: 0, progress: 0, failures: 0, counts: { completed: 6480 } }
        }
      ],
      omitted: { run: { count: 6483, counts: { completed: 6480 } } }
    });
    const page = show(null, {
      stored: { tree, title: null, epoch: null },
      follow: null,
      hub: null,
      missionId: 'run'
    });
    expect(page.titles()).toContain('6\u202f480 completed, 3 more');
  });

  test('10 000s of nodes are a page of rows', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 30_000; i += 1) {
      story.task(`t${i}`, 'run', { status: 'completed' });
    }
    const page = show(story);
    await page.user.click(page.row('29\u202f986 completed'));
    expect(page.container.querySelectorAll('.tt-row').length).toBeLessThan(60);
    expect(page.getByRole('treegrid').getAttribute('aria-rowcount')).toBe('30003');
  });

  test('what runs or failed is open, and closes once all went well, so that what runs next is in sight', async () => {
    const story = gridSearch(10);
    const page = show(story);
    expect(page.row('fit').getAttribute('aria-expanded')).toBe('true');
    expect(page.row('load data').getAttribute('aria-expanded')).toBe('false');
    for (let i = 0; i < 10; i += 1) {
      story.task(`fit/${i}`, 'fit', { status: 'completed' });
    }
    act(() => page.follow.set({}));
    await page.until(() => expect(page.row('fit').querySelector('.tt-badge-running')).toBeNull());
    expect(page.row('fit').getAttribute('aria-expanded')).toBe('true');
    story.task('fit', 'run', { status: 'completed' });
    act(() => page.follow.set({}));
    await page.until(() => expect(page.row('fit').getAttribute('aria-expanded')).toBe('false'));
  });

  test.each(['opened by the user', 'with the user on a row in it'])(
    'a group %s does not close',
    async how => {
      const story = new Story().task('run', null, { status: 'running' });
      story.task('group', 'run', { status: 'running' }).task('a', 'group', { status: 'running' });
      const page = show(story);
      if (how.startsWith('opened')) {
        await page.user.click(page.row('group').querySelector('[data-twisty="true"]')!);
        await page.user.click(page.row('group').querySelector('[data-twisty="true"]')!);
      } else {
        await page.user.click(page.row('a'));
      }
      story.task('a', 'group', { status: 'completed' }).task('group', 'run', { status: 'completed' });
      act(() => page.follow.set({}));
      await page.until(() => expect(page.row('group').querySelector('.tt-badge-running')).toBeNull());
      expect(page.row('group').getAttribute('aria-expanded')).toBe('true');
    }
  );

  test('badges count leaves below, the icon is the node’s own', () => {
    const story = new Story().task('run', null, { status: 'completed' });
    story.task('a', 'run', { status: 'failed' }).task('b', 'run', { status: 'failed' }).task('c', 'run');
    const page = show(story);
    const row = page.row('run');
    expect(within(row).getByRole('img', { name: 'completed' })).toBeTruthy();
    expect(row.querySelector('.tt-badge-failed')?.textContent).toBe('2 failed');
    expect(row.querySelector('.tt-cell-count')?.textContent).toBe('2/3');
  });

  test('a group that failed by itself is told, though all its leaves are sound', () => {
    const story = new Story().task('run', null, { status: 'completed' });
    story.task('group', 'run', { status: 'failed' }).task('a', 'group', { status: 'completed' });
    const page = show(story);
    expect(page.row('run').querySelector('.tt-badge-failed')?.textContent).toBe('1 failed');
    expect(page.getByText('1 failed', { selector: '.tt-stat' })).toBeTruthy();
    expect(page.row('group').getAttribute('aria-expanded')).toBe('true');
  });
});

describe('runs', () => {
  test('the newest is shown, the earlier ones stand behind it, each start is a new one', async () => {
    const story = new Story();
    story.task('m1', null, { title: 'Search', status: 'completed' }).task('m1/a', 'm1', { title: 'first' });
    story.task('m2', null, { title: 'Search', status: 'running' }).task('m2/a', 'm2', { title: 'second' });
    const page = show(story, { followNewest: true });
    expect(page.titles()).toEqual(['Search', 'second']);
    await page.user.selectOptions(page.getByRole('combobox', { name: 'Run' }), 'm1');
    expect(page.titles()).toEqual(['Search', 'first']);
    await page.user.selectOptions(page.getByRole('combobox', { name: 'Run' }), 'All runs (2)');
    expect(page.titles()).toEqual(['Search', 'Search', 'second']);
  });

  test('a pinned view stays with its run', async () => {
    const story = new Story().task('m1', null, { title: 'one', status: 'running' });
    const pinned = show(story);
    const newest = show(story, { followNewest: true });
    story.task('m2', null, { title: 'two', status: 'running' });
    act(() => [pinned, newest].forEach(page => page.follow.set({})));
    await newest.until(() => expect(newest.titles()).toEqual(['two']));
    await pinned.until(() => expect(pinned.container.querySelector('option[value="m2"]')).toBeTruthy());
    expect(pinned.titles()).toEqual(['one']);
  });
});

describe('details', () => {
  test('tell all that is known of a task', async () => {
    const page = show(gridSearch());
    await page.user.click(page.row('fit 26'));
    const details = page.getByRole('region', { name: 'Details of fit 26' });
    for (const words of [
      'failed',
      '62\u202f%',
      'attempt 2',
      'worker-3',
      'max_depth',
      'auc',
      'NaN',
      'fit/26'
    ]) {
      expect(details.textContent).toContain(words);
    }
    expect(within(details).getByRole('group', { name: 'Traceback' }).textContent).toContain('fit.py:12');
    await page.user.click(within(details).getByRole('button', { name: 'Copy traceback' }));
    expect(await navigator.clipboard.readText()).toContain('ValueError: Input X contains NaN.');
    expect(within(details).getByText('Copied')).toBeTruthy();
  });

  test('lead to what the task waits for', async () => {
    const page = show(gridSearch());
    await page.user.click(page.row('evaluate'));
    await page.user.click(within(page.getByRole('region')).getByRole('button', { name: /fit/ }));
    expect(page.getByRole('region', { name: 'Details of fit' })).toBeTruthy();
  });

  test('show log counts, the last line, and what was unusual', async () => {
    const story = new Story().task('run', null, { status: 'completed' });
    story.event('node_log', { node_id: 'run', level: 'warning', message: 'did not converge' });
    story.event('state_transition', {
      from: 'completed',
      to: 'running',
      context: { node_id: 'run', trigger: 'operator', reason: 'once more' }
    });
    const page = show(story);
    await page.user.click(page.row('run'));
    const text = page.getByRole('region').textContent;
    for (const words of [
      '1 warning',
      'did not converge',
      'from completed to running',
      'operator',
      'once more'
    ]) {
      expect(text).toContain(words);
    }
  });
});

test('what was lost is told', async () => {
  const story = gridSearch(5);
  const page = show(story);
  expect(page.container.textContent).not.toContain('missing');
  story.event('events_dropped', { count: 1200 });
  act(() => page.follow.set({}));
  await page.until(() => expect(page.getByText(/1.200 events are missing/)).toBeTruthy());
});

describe('how data is kept', () => {
  test('a full disk is told while it is full, and no longer', async () => {
    const page = show(gridSearch(3));
    expect(page.container.querySelector('.tt-storage')).toBeNull();
    act(() => page.hub.setStorage({ kind: 'full', message: 'The disk is full.' }));
    await page.until(() => expect(page.getByText(/Nothing is lost/)).toBeTruthy());
    act(() => page.hub.setStorage(null));
    await page.until(() => expect(page.container.querySelector('.tt-storage')).toBeNull());
  });

  test('what a newer server says of it is told in its own words', async () => {
    const page = show(gridSearch(3));
    act(() => page.hub.setStorage({ kind: 'constructor', message: 'The moon is <b>full</b>.' }));
    await page.until(() => expect(page.getByText('The moon is <b>full</b>.')).toBeTruthy());
  });

  test('a damaged file is told in its own project', async () => {
    const page = show(gridSearch(3));
    const storage = { kind: 'damaged', message: 'Of its events 3 are lost.' };
    act(() => page.follow.set({ info: { ...info, storage } }));
    await page.until(() => expect(page.getByText(/was damaged/).title).toBe(storage.message));
  });
});

const info: ProjectInfo = {
  project_id: 'p',
  kind: 'named',
  created_at: 1,
  offset: 1,
  at: 1,
  missions: [],
  missions_total: 0
};

describe('hostile content', () => {
  const EVIL = '<img src=x onerror="document.title=1"><script>document.title=1</script>';

  test('is text wherever it shows', async () => {
    const story = new Story().task('run', null, {
      title: EVIL,
      message: EVIL,
      agent: EVIL,
      kind: EVIL,
      status: 'failed',
      params: { [EVIL]: EVIL, __proto__: EVIL, constructor: 'x' },
      error: { type: EVIL, message: EVIL, traceback: EVIL },
      links: { [EVIL]: 'javascript:alert(1)', docs: 'https://example.org/a', file: 'data:text/html,x' },
      tags: [EVIL],
      anything: { else: [EVIL] }
    });
    const page = show(story);
    await page.user.click(page.rows()[0]!);
    expect(page.container.querySelector('img, script, iframe')).toBeNull();
    expect(page.getByRole('region').textContent).toContain(EVIL);
    const links = [...page.container.querySelectorAll('a')].map(link => link.href);
    expect(links).toEqual(['https://example.org/a']);
  });

  // The same in every field, each with its own end, so that it is known which one leaks.
  const STRANGE = [
    'safe\u202egnp.exe\u2066\u200f\u061c\ufeff',
    '\u001b[31mred\u001b[0m \u001b]0;owned\u0007\u009b2J\u0000\u007f',
    'line\u2028break\u2029and\u0085more',
    'half \ud800 a pair',
    `Z${'\u0301'.repeat(5000)}`,
    'x'.repeat(100_000),
    '__proto__',
    'javascript:alert(1)',
    '{{constructor.constructor("alert(1)")()}}'
  ];

  test.each(STRANGE.map(each => [JSON.stringify(each).slice(0, 40), each]))(
    'can’t reorder, hide or blow up what stands around it: %s',
    async (_, words) => {
      // Control characters can't be in an id.
      // eslint-disable-next-line no-control-regex
      const id = `id ${words.replace(/[\u0000-\u001f\u007f-\u009f]/g, '')}`.slice(0, 400);
      const story = new Story().task('run', null, { title: 'run' }).task(id, 'run', {
        title: words,
        message: words,
        agent: words,
        kind: words,
        trigger: words,
        reason: words,
        status: 'failed',
        params: { [words]: words, deep: [{ [words]: words }] },
        inputs: words,
        outputs: { [words]: [words] },
        error: { type: words, message: words, traceback: words },
        links: { [words]: words, named: { title: words, url: words } },
        source: { notebook: words },
        tags: [words],
        dependencies: [`n${id}`],
        [`other ${words}`]: words
      });
      story.event('node_log', { node_id: id, level: 'info', message: words });
      const page = show(story);
      await page.user.click(page.rows()[1]!);
      expect(page.getByRole('region').textContent.length).toBeGreaterThan(100);
      const shown = [
        page.container.textContent,
        ...[...page.container.querySelectorAll('*')].flatMap(each =>
          ['title', 'aria-label', 'href'].map(name => each.getAttribute(name) ?? '')
        )
      ];
      for (const text of shown) {
        expect(text).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(text).not.toMatch(/[\u0300-\u036f]{5}/);
        // eslint-disable-next-line no-control-regex
        expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u);
      }
      for (const row of page.rows()) {
        expect(row.textContent.length).toBeLessThan(5000);
      }
      expect(page.container.querySelector('a')).toBeNull();
      expect(Object.keys(Object.prototype)).toEqual([]);
    }
  );

  test('a stored tree with fields of the wrong kind still shows', async () => {
    const nodes = [
      {
        node_id: 'run',
        title: { toString: 1 },
        status: 'running',
        error: 'x',
        params: [1],
        log: 7,
        rollup: null
      },
      {
        node_id: 'a',
        parent_id: 'run',
        title: 'fine',
        status: 'completed',
        unusual: 'x',
        metrics: { a: [] }
      },
      null,
      'x'
    ];
    const tree = new StaticTree({ offset: 1, at: 1, nodes: nodes as never });
    const page = show(null, {
      stored: { tree, title: null, epoch: null },
      follow: null,
      hub: null,
      missionId: 'run'
    });
    expect(page.titles()).toEqual(['run', 'fine']);
    await page.user.click(page.rows()[1]!);
    expect(page.getByRole('region', { name: 'Details of fine' })).toBeTruthy();
  });
});
