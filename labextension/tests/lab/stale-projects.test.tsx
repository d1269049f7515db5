import './dom.js';
import { render } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { ProjectInfo, ProjectList } from '../../src/core/follow.js';
import { PanelModel } from '../../src/lab/panel-model.js';
import { Panel, type PanelHost } from '../../src/lab/panel.js';
import { TabModel } from '../../src/lab/tab-model.js';
import { english } from '../../src/view/words.js';
import { FakeFollow, FakeHub, Story } from '../view/story.js';
import { project, run } from './projects.js';

const HOST: PanelHost = { actionsOf: () => () => [], tabs: null, isMuted: () => false };

/** Two tasks run, and one of them, or both, isn't heard. */
const OTHERS: ProjectInfo[] = [
  { ...project('some', [run('run')], 3), stale: { run: 1 } },
  { ...project('all', [run('run')], 2), stale: { run: 2 } },
  project('none', [run('run')], 1)
];

class ListHub extends FakeHub {
  constructor(readonly list: ProjectList) {
    super();
  }

  override watchProjects(): never {
    return this.list as never;
  }

  override follow(projectId = ''): FakeFollow {
    return Object.assign(super.follow(), { projectId });
  }
}

function listOf(projects: ProjectInfo[]): ProjectList {
  return {
    projects,
    status: 'live',
    error: null,
    subscribe: () => () => undefined,
    getVersion: () => 0,
    close: () => undefined
  };
}

function panel(projects: ProjectInfo[], shown: string) {
  const all = listOf(projects);
  const hub = new ListHub(all);
  const model = new PanelModel(hub);
  model.wake();
  model.chooseProject(shown);
  const page = render(<Panel model={model} host={HOST} />);
  const line = (id: string) => {
    const [found] = page.container.querySelectorAll(`[role="option"][data-project-id="${id}"]`);
    const icon = found?.querySelector('svg[role="img"]')?.getAttribute('aria-label');
    return `${icon}: ${found?.textContent.replace(/^(running|stale)/, '')}`;
  };
  const runs = () =>
    [...page.container.querySelectorAll('[role="option"][data-mission-id] svg[role="img"]')].map(icon =>
      icon.getAttribute('aria-label')
    );
  const list = (projects: ProjectInfo[]) => {
    Object.assign(all, { projects });
    page.rerender(<Panel model={model} host={HOST} />);
  };
  const tell = (state: Parameters<FakeFollow['set']>[0]) => {
    hub.followed.at(-1)?.set(state);
    page.rerender(<Panel model={model} host={HOST} />);
  };
  return { line, runs, tell, list };
}

test('the panel tells of projects that nobody follows which of their tasks aren’t heard', () => {
  const { line } = panel(OTHERS, 'none');
  expect(line('some')).toBe('running: some1 running1 stale');
  expect(line('all')).toBe('stale: all2 stale');
  expect(line('none')).toBe('running: none2 running');
});

test('of the project that is shown it tells what the tree does', () => {
  const page = panel(OTHERS, 'some');
  expect(page.line('some')).toBe('running: some1 running1 stale');
  const story = new Story().task('run', null, { status: 'running' });
  story.task('a', 'run', { status: 'running' }).task('b', 'run', { status: 'running' });

  page.tell({ tree: story.tree, status: 'live', stale: new Map(['run', 'a', 'b'].map(id => [id, 1])) });

  expect(page.line('some')).toBe('stale: some2 stale');
  expect(page.line('all')).toBe('stale: all2 stale');
});

test('what the server counted holds until the tree’s own word of it has come, which is after the tree', () => {
  const page = panel([{ ...project('all', [run('run'), run('before')], 2), stale: { run: 2 } }], 'all');
  expect(page.line('all')).toBe('stale: all2 stale');
  const story = new Story();
  for (const id of ['before', 'run']) {
    story.task(id, null, { status: 'running' });
    ['a', 'b'].forEach(leaf => story.task(`${id}/${leaf}`, id, { status: 'running' }));
  }

  page.tell({ tree: story.tree, status: 'live' });
  expect(page.line('all')).toBe('stale: all2 stale');
  expect(page.runs()).toEqual(['stale', 'running']);
  page.tell({ stale: new Map(['run', 'run/a', 'run/b'].map(id => [id, 1])) });
  expect(page.line('all')).toBe('stale: all2 stale');

  // Heard again: the tree knows it first, then the list.
  page.tell({ stale: new Map() });
  page.list([project('all', [run('run'), run('before')], 3)]);
  expect(page.line('all')).toBe('running: all2 running');
  expect(page.runs()).toEqual(['running', 'running']);
});

test('a tab whose run nobody hears doesn’t look as if it ran', () => {
  const hub = new ListHub(listOf(OTHERS));
  const title = (id: string, mission: string | null = null) => {
    const model = new TabModel(hub, english as never, id, mission);
    model.dispose();
    return model.title;
  };
  expect(title('all')).toMatchObject({
    status: 'stale',
    caption: 'Task tree of all, the newest run\n2 tasks not heard of'
  });
  expect(title('all', 'run')).toMatchObject({
    status: 'stale',
    caption: 'run, a run of all\n2 tasks not heard of'
  });
  expect(title('some').status).toBe('running');
  expect(title('some').caption).toContain('\n1 task not heard of');
  expect(title('none').caption).toBe('Task tree of none, the newest run');
});
