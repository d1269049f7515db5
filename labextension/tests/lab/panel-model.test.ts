import { describe, expect, test } from 'vitest';
import type { ProjectInfo, ProjectList } from '../../src/core/follow.js';
import { PanelModel, projectTitle } from '../../src/lab/panel-model.js';
import { FakeHub } from '../view/story.js';

function info(project_id: string, path: string | null = null): ProjectInfo {
  return {
    project_id,
    path,
    kind: 'notebook',
    created_at: 0,
    offset: 1,
    at: 1,
    missions: [],
    missions_total: 0
  };
}

class ListHub extends FakeHub {
  readonly projects: ProjectInfo[] = [info('newest'), info('a', 'work/a.ipynb'), info('b', 'b.ipynb')];
  watching = 0;
  private listener: (() => void) | null = null;

  override watchProjects(): never {
    this.watching += 1;
    const list: ProjectList = {
      projects: this.projects,
      status: 'live',
      error: null,
      subscribe: listener => {
        this.listener = listener;
        return () => undefined;
      },
      getVersion: () => 0,
      close: () => {
        this.watching -= 1;
      }
    };
    return list as never;
  }

  override follow(projectId = ''): ReturnType<FakeHub['follow']> {
    const follow = super.follow();
    return Object.assign(follow, { projectId });
  }

  told(): void {
    this.listener?.();
  }

  get open(): string[] {
    return this.followed.filter(each => !each.closed).map(each => each.projectId);
  }
}

function panel() {
  const hub = new ListHub();
  const model = new PanelModel(hub);
  return { hub, model };
}

describe('the side panel', () => {
  test('asks the server for nothing while nobody looks', () => {
    const { hub, model } = panel();
    model.notebookPath = 'b.ipynb';
    expect([hub.watching, hub.open]).toEqual([0, []]);
    model.wake();
    expect([hub.watching, hub.open]).toEqual([1, ['b']]);
    model.sleep();
    expect([hub.watching, hub.open]).toEqual([0, []]);
  });

  test('shows the project of the notebook in front, and follows it', () => {
    const { hub, model } = panel();
    model.wake();
    expect(hub.open).toEqual(['newest']);
    model.notebookPath = 'work/a.ipynb';
    expect(hub.open).toEqual(['a']);
    model.notebookPath = 'b.ipynb';
    expect(hub.open).toEqual(['b']);
  });

  test('shows nothing of another notebook in place of one without tasks, and its own as soon as there is one', () => {
    const { hub, model } = panel();
    model.wake();
    model.notebookPath = 'new.ipynb';
    expect(hub.open).toEqual([]);
    hub.projects.push(info('c', 'new.ipynb'));
    hub.told();
    expect(hub.open).toEqual(['c']);
  });

  test('keeps to what somebody chose, until told to follow the notebook again', () => {
    const { hub, model } = panel();
    model.wake();
    model.notebookPath = 'b.ipynb';
    model.chooseProject('newest');
    model.notebookPath = 'work/a.ipynb';
    expect(hub.open).toEqual(['newest']);
    model.sleep();
    model.wake();
    expect(hub.open).toEqual(['newest']);
    model.followNotebook();
    expect(hub.open).toEqual(['a']);
  });

  test('a chosen run belongs to its project', () => {
    const { model } = panel();
    model.wake();
    model.chooseProject('a');
    model.chooseMission('run-3');
    expect(model.missionId).toBe('run-3');
    model.chooseProject('b');
    expect(model.missionId).toBeNull();
  });

  test('can be told to leave the notebook alone', () => {
    const { hub, model } = panel();
    model.followsNotebook = false;
    model.wake();
    model.notebookPath = 'b.ipynb';
    expect(hub.open).toEqual(['newest']);
  });
});

test('a project goes by its title, its file, its name', () => {
  expect(projectTitle({ ...info('id', 'x/y.ipynb'), title: 'Churn' })).toBe('Churn');
  expect(projectTitle(info('id', 'x/y.ipynb'))).toBe('y.ipynb');
  expect(projectTitle(info('nightly-etl'))).toBe('nightly-etl');
});
