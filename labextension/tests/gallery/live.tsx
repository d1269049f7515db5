/** Views of what goes on: a project on a real server, and a run that changes many times a second. */
import type { Root } from 'react-dom/client';
import { hubAt } from '../../src/core/hub.js';
import type { Follow } from '../../src/core/follow.js';
import { TaskTree } from '../../src/core/tree.js';
import { TreeView } from '../../src/view/index.js';
import { memoryOf } from '../../src/view/memory.js';
import type { PartId } from '../../src/view/part.js';
import { letTimePass } from './clock.js';
import { gridSearch } from './grid-search.js';
import { chanceOf, Telling } from './telling.js';
import { worldOf } from './world.js';

/** Shows a project of the server that the page came from. Answers how to read the tree that the page has. */
export function followed(root: Root, projectId: string, url: string): Following {
  letTimePass();
  const hub = hubAt(url);
  const follow = hub.follow(projectId);
  root.render(<TreeView projectId={projectId} follow={follow} hub={hub} missionId={null} layout="fill" />);
  return { status: () => follow.status, offset: () => follow.tree?.offset ?? 0, read: () => treeOf(follow) };
}

export interface Following {
  status(): string;
  offset(): number;
  read(): { state: unknown; nodes: unknown[] } | null;
}

/** As the server's REST interface tells it. */
function treeOf({ tree }: Follow): { state: unknown; nodes: unknown[] } | null {
  return tree instanceof TaskTree
    ? {
        state: tree.state(),
        nodes: [...tree.nodes()].map(node => ({ ...node, rollup: tree.rollup(node.node_id) }))
      }
    : null;
}

export interface Stream {
  tasks: number;
  /** Events a second. */
  rate: number;
  seconds: number;
  part?: PartId;
}

/** Batches a second: as a server sends them to a page that keeps up. */
const BATCHES = 50;

/** Shows a large run, and answers how to let events come, at a rate, until it is over. */
export function streamed(root: Root, { tasks, rate, seconds, part = 'tree' }: Stream): () => Promise<number> {
  letTimePass();
  const projectId = `stream-${tasks}`;
  memoryOf(projectId).write('part', part);
  const telling = gridSearch({ tasks });
  const { follow, hub } = worldOf(telling.tree);
  root.render(<TreeView projectId={projectId} follow={follow} hub={hub} missionId={null} layout="fill" />);
  const chance = chanceOf(7);
  const fits = [...telling.tree.children('run/fit')];
  return async () => {
    const began = performance.now();
    let told = 0;
    while (performance.now() - began < seconds * 1000) {
      const due = Math.floor(((performance.now() - began) / 1000) * rate);
      for (; told < due; told += 1) {
        happen(telling, fits, told, chance);
      }
      follow.set({ heardAt: Date.now() });
      await new Promise(resolve => setTimeout(resolve, 1000 / BATCHES));
    }
    return told;
  };
}

/** What happens in a grid search: fits begin, get on, end, now and then one fails. */
function happen(telling: Telling, fits: readonly string[], number: number, chance: () => number): void {
  const fit = fits[Math.floor(fits.length * chance())] ?? '';
  const kind = number % 5;
  if (kind === 0) {
    telling.event('task_status_changed', { task_id: fit, status: 'running' });
  } else if (kind === 4) {
    const status = chance() < 0.003 ? 'failed' : 'completed';
    const error =
      status === 'failed' ? { error: { type: 'ValueError', message: 'Input X contains NaN.' } } : {};
    telling.change(fit, { status, ...error });
  } else {
    const auc = Number((0.9 + 0.05 * chance()).toFixed(4));
    telling.change(fit, {
      progress: kind / 5,
      message: `fold ${kind}/5 · auc ${auc}`,
      metrics: { auc }
    });
  }
}
