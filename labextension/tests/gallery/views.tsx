/** How the gallery shows data: in each part of a view, with details beside it, below a cell, in the panel. */
import type { ReactNode } from 'react';
import type { TreeReader } from '../../src/core/reader.js';
import { Panel, type PanelHost } from '../../src/lab/panel.js';
import { PanelModel } from '../../src/lab/panel-model.js';
import { TreeView, type TreeViewProps } from '../../src/view/index.js';
import { memoryOf } from '../../src/view/memory.js';
import type { PartId } from '../../src/view/part.js';
import { PARTS } from '../../src/view/parts.js';
import type { Data } from './data.js';

type Show = (data: Data, projectId: string) => ReactNode;

interface Choices {
  part?: PartId;
  search?: string;
  /** Which task's details are open. */
  select?: (tree: TreeReader) => string | undefined;
}

const HOST: PanelHost = {
  actionsOf: () => () => [
    { label: 'go to the cell', title: 'Show the cell that this task runs in', run: () => undefined }
  ],
  tabs: { open: () => undefined, drag: () => undefined },
  isMuted: id => id === 'nightly-etl'
};

/** Every part there is, and the views made of them. A part that is new is here by itself; another view is another line. */
const VIEWS: Record<string, Show> = {
  ...Object.fromEntries(PARTS.map(({ id }) => [id, viewWith({ part: id })])),
  details: viewWith({ part: 'tree', select: failedTask }),
  'details-running': viewWith({ part: 'tree', select: runningTask }),
  'details-run': viewWith({ part: 'tree', select: tree => tree.roots[0] }),
  searching: viewWith({ part: 'tree', search: 'fit 14' }),
  'nothing-found': viewWith({ part: 'tree', search: 'no such task' }),
  cell: viewWith({ part: 'tree' }, { layout: 'inline' }),
  'cell-details': viewWith({ part: 'tree', select: failedTask }, { layout: 'inline' }),
  panel: panelWith({ part: 'tree' }),
  'panel-details': panelWith({ part: 'tree', select: failedTask })
};

export const VIEW_NAMES = Object.keys(VIEWS);
export const PART_NAMES = PARTS.map(({ id }) => id);

export function viewOf(name: string, data: Data, projectId: string): ReactNode {
  const show = VIEWS[name];
  if (!show) {
    throw new Error(`no view "${name}": there are ${VIEW_NAMES.join(', ')}`);
  }
  return show(data, projectId);
}

function viewWith(choices: Choices, own: Partial<TreeViewProps> = {}): Show {
  return (data, projectId) => {
    const { follow, hub } = data;
    choose(choices, data, projectId);
    return (
      <TreeView
        projectId={projectId}
        follow={follow}
        hub={hub}
        missionId={null}
        layout="fill"
        {...data.props}
        {...own}
      />
    );
  };
}

function panelWith(choices: Choices): Show {
  return (data, projectId) => {
    choose(choices, data, projectId);
    const model = new PanelModel(data.hub);
    model.wake();
    const [first] = data.hub.all;
    if (first) {
      first.project_id = projectId;
      model.chooseProject(projectId);
    }
    return <Panel model={model} host={HOST} />;
  };
}

/** As if somebody had chosen it before: a view begins with what its project's memory holds. */
function choose({ part = 'tree', search = '', select }: Choices, data: Data, projectId: string): void {
  const tree = data.props?.stored?.tree ?? data.follow.tree;
  const node = tree ? select?.(tree) : undefined;
  Object.assign(data.follow, { projectId });
  const memory = memoryOf(projectId);
  memory.write('part', part);
  memory.write('search', search);
  memory.write(
    'selected',
    node === undefined ? null : { mission: tree?.roots[tree.roots.length - 1] ?? null, node }
  );
}

function failedTask(tree: TreeReader): string | undefined {
  return find(tree, 'failed');
}

function runningTask(tree: TreeReader): string | undefined {
  return find(tree, 'running') ?? find(tree, 'completed');
}

/** The first leaf of that status in the newest run. */
function find(tree: TreeReader, status: string): string | undefined {
  const waiting = tree.roots.slice(-1);
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const below = tree.children(id);
    if (below.length === 0 && tree.node(id)?.status === status) {
      return id;
    }
    waiting.push(...[...below].reverse());
  }
  return undefined;
}
