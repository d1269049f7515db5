import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { originOf, taskOfCell } from '../../src/lab/origin.js';
import { placeOf } from '../../src/lab/place.js';
import { Story } from '../view/story.js';

const PANEL = `<div id="panel"><div class="tt-item" data-project-id="listed">listed</div>
  <div class="tt-view" data-project-id="p" data-mission-id="m"><div class="tt-row" tabindex="0" data-node-id="n">n</div></div></div>`;
const TAB = `<div class="jp-TaskTreeTab"><div class="tt-view" data-project-id="t" data-mission-id="tm"></div></div>`;

beforeEach(() => {
  document.body.innerHTML = PANEL + TAB + '<div id="notebook"></div>';
});

afterEach(() => {
  document.body.innerHTML = '';
});

function find(selector: string): HTMLElement {
  return document.querySelector<HTMLElement>(selector)!;
}

function place(args: Record<string, string | boolean> = {}, pointedAt = '', front = '#notebook') {
  const contextMenuHitTest = (fits: (node: HTMLElement) => boolean) => {
    const node = pointedAt === '' ? undefined : find(pointedAt);
    return node && fits(node) ? node : undefined;
  };
  const found = placeOf(
    args,
    { contextMenuHitTest, shell: { currentWidget: { node: find(front) } } },
    'panel'
  );
  return found && [found.projectId, found.missionId, found.nodeId];
}

describe('a command is about', () => {
  test('what its arguments name', () => {
    expect(place({ project_id: 'q', node_id: 'x' }, '.tt-row')).toEqual(['q', null, 'x']);
  });

  test('what the context menu was opened on, and nothing else', () => {
    expect(place({ pointed: true }, '.tt-row')).toEqual(['p', 'm', 'n']);
    expect(place({ pointed: true }, '.tt-item')).toEqual(['listed', null, null]);
    expect(place({ pointed: true }, '#notebook')).toBeNull();
  });

  test('where the keyboard is, else the tab in front, else what the panel shows', () => {
    expect(place()).toEqual(['p', 'm', null]);
    expect(place({}, '', '.jp-TaskTreeTab')).toEqual(['t', 'tm', null]);
    find('.tt-row').focus();
    expect(place({}, '', '.jp-TaskTreeTab')).toEqual(['p', 'm', 'n']);
  });
});

describe('a task and its cell', () => {
  const source = { kernel_id: 'k', notebook: 'a.ipynb', cell_id: 'c1', execution_count: 7 };
  const { tree } = new Story()
    .task('first', null, { source })
    .task('again', null, { source: { ...source, execution_count: 8 } })
    .task('again/1', 'again')
    .task('again/2', 'again', { source: { cell_id: 'c2', execution_count: 9 } })
    .task('again/2/1', 'again/2', { source: { host: 'elsewhere', pid: 1 } })
    .task('script', null, { source: { host: 'h' } });

  test('a task that doesn’t tell is where the one above it is', () => {
    expect(originOf(tree, 'again/1')).toEqual({ cellId: 'c1', notebook: 'a.ipynb', executionCount: 8 });
    expect(originOf(tree, 'again/2/1')).toEqual({ cellId: 'c2', notebook: 'a.ipynb', executionCount: 9 });
    expect(originOf(tree, 'script')).toBeNull();
  });

  test('a cell leads to the run it started last, else to what it added to another’s', () => {
    expect(taskOfCell(tree, 'c1')).toEqual({ missionId: 'again', nodeId: 'again' });
    expect(taskOfCell(tree, 'c2')).toEqual({ missionId: 'again', nodeId: 'again/2' });
    expect(taskOfCell(tree, 'c3')).toBeNull();
  });
});
