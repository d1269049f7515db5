// The parts beside the tree: the log of events, and who is at work.
import { act, fireEvent, within } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { StoryHistory } from './history.js';
import { show } from './page.js';
import { FakeHub, Story } from './story.js';

afterEach(() => localStorage.clear());

function open(story: Story, part: 'Events' | 'Agents', props: Parameters<typeof show>[1] = {}) {
  const history = new StoryHistory(story);
  const hub = new FakeHub();
  hub.history = history;
  const page = show(story, { hub, ...props });
  fireEvent.click(page.getByRole('tab', { name: part }));
  let told = story.events.length;
  return {
    ...page,
    history,
    lines: () =>
      [...page.container.querySelectorAll<HTMLElement>('.tt-event')]
        .sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index))
        .map(each => each.querySelector('.tt-event-text')?.textContent),
    pass: () =>
      act(() => {
        page.follow.stream.tell(story.events.slice(told));
        told = story.events.length;
        page.follow.set({});
      })
  };
}

function aStory(): Story {
  const story = new Story().task('run', null, { title: 'Run', status: 'running' });
  story.task('a', 'run', { title: 'fit 1', status: 'running' });
  story.event('node_log', { node_id: 'a', level: 'warning', message: 'did not converge' });
  return story.node('a', { status: 'failed', error: { type: 'ValueError', message: 'no' } });
}

test('the newest event stands first, and says what happened in a line', async () => {
  const page = open(aStory(), 'Events');
  await page.until(() => expect(page.lines()).toHaveLength(4));
  expect(page.lines()).toEqual([
    'fit 1→ failed, ValueError: no',
    'fit 1warning: did not converge',
    'fit 1title fit 1, → running',
    'Runtitle Run, → running'
  ]);
  expect(page.getByText('This was the first event.')).toBeTruthy();
});

test('what happens comes in at the top by itself', async () => {
  const story = aStory();
  const page = open(story, 'Events');
  await page.until(() => expect(page.lines()).toHaveLength(4));
  story.event('own.kind', { x: 1 });
  page.pass();
  await page.until(() => expect(page.lines()[0]).toBe('{"x":1}'));
});

test.each(['pointing', 'scrolled away', 'with an event open', 'with the keyboard in it'])(
  'while somebody reads, %s, nothing moves; what is new is counted',
  async how => {
    const story = aStory();
    const page = open(story, 'Events');
    await page.until(() => expect(page.lines()).toHaveLength(4));
    const grid = page.container.querySelector<HTMLElement>('.tt-events-list')!;
    if (how === 'pointing') {
      fireEvent.pointerEnter(grid);
    } else if (how === 'scrolled away') {
      grid.scrollTop = 50;
      fireEvent.scroll(grid);
    } else {
      const row = page.container.querySelector<HTMLElement>('.tt-event')!;
      act(() => row.focus());
      if (how === 'with an event open') {
        fireEvent.keyDown(row, { key: 'Enter' });
        act(() => row.blur());
      }
    }
    story.event('own.kind', { x: 1 }).event('own.kind', { x: 2 });
    page.pass();
    const button = await page.findByRole('button', { name: '↑ 2 new' });
    expect(page.lines()[0]).toBe('fit 1→ failed, ValueError: no');
    fireEvent.click(button);
    await page.until(() => expect(page.lines()[0]).toBe('{"x":2}'));
  }
);

test('an event opens to its JSON by keyboard, and leads to its task', async () => {
  const page = open(aStory(), 'Events');
  await page.until(() => expect(page.lines()).toHaveLength(4));
  const rows = () => [...page.container.querySelectorAll<HTMLElement>('.tt-event')];
  act(() => rows()[0]!.focus());
  await page.user.keyboard('{ArrowDown}{ArrowRight}');
  expect(document.activeElement?.getAttribute('aria-expanded')).toBe('true');
  expect(page.getByRole('group', { name: 'Event 3' }).textContent).toContain('"did not converge"');
  await page.user.click(page.getByRole('button', { name: 'Show the task' }));
  expect(page.getByRole('region', { name: 'Details of fit 1' })).toBeTruthy();
});

test('events are chosen by type, by task and by what is searched for; the server is asked the same', async () => {
  const story = aStory().task('b', 'run', { title: 'fit 2' });
  const page = open(story, 'Events');
  await page.until(() => expect(page.lines()).toHaveLength(5));
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Type of event' }), 'node_log');
  await page.until(() => expect(page.lines()).toEqual(['fit 1warning: did not converge']));
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Type of event' }), '');
  await page.user.type(page.getByRole('searchbox'), 'FIT 2');
  await page.until(() => expect(page.lines()).toEqual(['fit 2title fit 2']));
  expect(page.history.asked.at(-1)?.query).toMatchObject({ contains: 'FIT 2', types: [] });
  await page.user.clear(page.getByRole('searchbox'));
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Of which tasks' }), 'This run');
  await page.until(() =>
    expect(page.history.asked.at(-1)?.query).toMatchObject({ nodeIds: ['run'], below: true })
  );
});

test('the fields of the search mean in the log what they mean of tasks, and the server is asked for as much', async () => {
  const story = aStory().task('b', 'run', { title: 'fit 2', agent: 'w2', params: { model: { depth: 9 } } });
  story.event('node_log', { node_id: 'b', level: 'info', message: 'status:failed is what I look for' });
  const page = open(story, 'Events');
  const search = page.getByRole('searchbox');
  const look = async (text: string) => {
    await page.user.clear(search);
    await page.user.type(search, text);
  };
  await look('status:failed');
  await page.until(() => expect(page.lines()).toEqual(['fit 1→ failed, ValueError: no']));
  expect(page.history.asked.at(-1)?.query).toMatchObject({ contains: 'failed' });
  await look('agent:w* param:model.depth=9');
  await page.until(() => expect(page.lines()).toHaveLength(2));
  expect(page.history.asked.at(-1)?.query).toMatchObject({ nodeIds: ['b'] });
  story.event('task_status_changed', { task_id: 'b', status: 'running' });
  story.event('task_status_changed', { task_id: 'a', status: 'running' });
  page.pass();
  await page.until(() => expect(page.lines()[0]).toBe('fit 2→ running'));
  expect(page.lines()).toHaveLength(3);
});

test('the log says what no event can tell', async () => {
  const page = open(aStory(), 'Events');
  await page.user.type(page.getByRole('searchbox'), 'status:stale');
  expect(await page.findByText(/No event says that a task is stale/)).toBeTruthy();
  expect(page.queryByText('Nothing matches.')).toBeNull();
});

test('where nothing is found it says how far back it looked, and goes on when asked', async () => {
  const story = aStory();
  for (let i = 0; i < 400; i += 1) {
    story.event('own.kind', { i });
  }
  const page = open(story, 'Events');
  page.history.scanned = 25;
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Type of event' }), 'node_log');
  expect(await page.findByText(/Nothing found down to event 155\./, {}, { timeout: 5000 })).toBeTruthy();
  await page.user.click(page.getByRole('button', { name: 'Earlier events' }));
  await page.until(() => expect(page.lines()).toEqual(['fit 1warning: did not converge']));
});

test('what the server has let go is told, and what it can’t read too', async () => {
  const story = aStory();
  const page = open(story, 'Events');
  page.history.trimmed = 2;
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Type of event' }), 'node_log');
  expect(await page.findByText('What came before event 3 the server has let go.')).toBeTruthy();
  page.history.isFailing = true;
  await page.user.selectOptions(page.getByRole('combobox', { name: 'Type of event' }), '');
  expect(await page.findByText('The Jupyter server doesn’t answer.')).toBeTruthy();
  page.history.isFailing = false;
  await page.user.click(page.getByRole('button', { name: 'Retry' }));
  await page.until(() => expect(page.lines()).toHaveLength(2));
});

test('without a server it says so, and shows what happens from now on', async () => {
  const story = aStory();
  const page = open(story, 'Events', { hub: null });
  expect(page.getByText(/what happened before needs the server/)).toBeTruthy();
  story.event('own.kind', { x: 1 });
  page.pass();
  await page.until(() => expect(page.lines()).toEqual(['{"x":1}']));
});

test('10 000 events in a second are a page of rows', async () => {
  const story = aStory();
  const page = open(story, 'Events');
  await page.until(() => expect(page.lines()).toHaveLength(4));
  for (let i = 0; i < 10_000; i += 1) {
    story.event('own.kind', { i });
  }
  page.pass();
  await page.until(() => expect(page.lines()[0]).toBe('{"i":9999}'));
  expect(page.container.querySelectorAll('.tt-event').length).toBeLessThan(80);
});

test('agents are offered only where there are any', () => {
  const page = show(aStory());
  expect(page.queryByRole('tab', { name: 'Agents' })).toBeNull();
});

test('agents say what they do and what it cost, and who is silent', async () => {
  const story = new Story(Date.now() * 1000 - 600_000_000).task('run', null, {
    title: 'Run',
    status: 'running'
  });
  story.task('a', 'run', {
    title: 'read',
    status: 'running',
    agent: 'w1',
    metrics: { tokens: 1200, cost: 0.5 }
  });
  story.task('b', 'run', { title: 'write', status: 'completed', agent: 'w1' });
  story.event('coordination_update', { agents: { planner: { status: 'working', task: 'think' } } });
  const page = open(story, 'Agents');
  const row = (name: RegExp) => page.getByRole('rowheader', { name }).closest('tr')!;
  expect(row(/w1$/).textContent).toMatch(/read.*101.200.?0\.5$/s);
  expect(row(/w1$/).textContent).not.toContain('silent');
  expect(row(/planner working/).textContent).toMatch(/silent for 9:5\d|silent for 10:0/);
  await page.user.click(within(row(/w1$/)).getByRole('button', { name: 'read' }));
  expect(page.getByRole('region', { name: 'Details of read' })).toBeTruthy();
  await page.user.click(within(row(/w1$/)).getByRole('button', { name: 'w1' }));
  expect(page.getByRole('tab', { name: 'Tree' }).getAttribute('aria-selected')).toBe('true');
  expect((page.getByRole('searchbox') as HTMLInputElement).value).toBe('agent:w1');
});

test('agents are searched by the fields of the search, and say where one asks for their tasks', async () => {
  const story = aStory().task('b', 'run', { title: 'fit 2', agent: 'worker-2', status: 'running' });
  story.task('c', 'run', { title: 'fit 3', agent: 'worker-3', status: 'completed', params: { depth: 9 } });
  const page = open(story, 'Agents');
  const names = () =>
    [...page.container.querySelectorAll('.tt-agent-link')].map(({ textContent }) => textContent);
  const search = page.getByRole('searchbox');
  await page.user.type(search, 'agent:worker-*');
  expect(names()).toEqual(['worker-2', 'worker-3']);
  await page.user.type(search, ' status:running');
  expect(names()).toEqual(['worker-2']);
  page.follow.set({ stale: new Map([['b', story.start]]) });
  await page.user.clear(search);
  await page.user.type(search, 'status:stale');
  await page.until(() => expect(names()).toEqual(['worker-2']));
  await page.user.clear(search);
  await page.user.type(search, 'param:depth=9');
  expect(page.container.querySelector('.tt-agents')?.textContent).toBe(
    'Nothing matches. Here param: asks for the task that an agent is at.'
  );
});

test('nobody is silent only because we hear nobody', () => {
  const story = new Story(Date.now() * 1000 - 600_000_000).task('run', null, { status: 'running' });
  story.event('coordination_update', { agents: { planner: { status: 'working' } } });
  const page = open(story, 'Agents');
  expect(page.container.textContent).toContain('silent for');
  act(() => page.follow.set({ status: 'offline', heardAt: story.now / 1000 + 5_000 }));
  expect(page.container.textContent).not.toContain('silent for');
});
