/** What the gallery's views show, by name: a line here is another state of every view. */
import { bundleOf } from '../../src/core/compact.js';
import { StaticTree } from '../../src/core/static-tree.js';
import { TaskTree } from '../../src/core/tree.js';
import type { TreeViewProps } from '../../src/view/index.js';
import { NOW } from './clock.js';
import { gridSearch, SILENCE } from './grid-search.js';
import { hostileRun } from './hostile.js';
import { Telling } from './telling.js';
import { infoOf, worldOf, type World } from './world.js';

export interface Data extends World {
  props?: Partial<TreeViewProps>;
}

export const PROJECT = 'churn-model.ipynb';

/** Bytes: much less than a notebook keeps of a run, so that something was left out. */
const STORED = 14_000;

const TASKS = [12, 1000, 10_000, 100_000] as const;

const sized = Object.fromEntries(TASKS.map(tasks => [`tasks-${tasks}`, () => of(gridSearch({ tasks }))]));

const MAKERS: Record<string, () => Data> = {
  ...sized,
  ended: () => of(gridSearch({ tasks: 240, done: 1, failed: 0 })),
  failed: () => of(gridSearch({ tasks: 240, done: 1, failed: 9 })),
  broken: () => of(gridSearch({ tasks: 4000, done: 0.8, failed: 1234 })),
  busy: () => of(gridSearch({ tasks: 240, done: 0.4, running: 60, failed: 1 })),
  stale: staleRun,
  troubled: troubledRun,
  runs: severalRuns,
  hostile: () => of(hostileRun()),
  losses: () => of(gridSearch({ tasks: 30 }).event('events_dropped', { count: 1234 })),
  empty: () => worldOf(new TaskTree()),
  connecting: () => worldOf(null, 'connecting', { kind: 'connecting' }),
  refused: () =>
    worldOf(null, 'refused', {
      kind: 'stopped',
      reason: 'refused',
      message: 'The server doesn’t let this page read the project. Log in again, then reload the page.'
    }),
  absent: () =>
    worldOf(null, 'offline', {
      kind: 'stopped',
      reason: 'absent',
      message: 'TaskTree’s server half isn’t running on this Jupyter server.'
    }),
  gone: () => worldOf(null, 'gone'),
  offline: offlineRun,
  'catching-up': () => named(worldOf(gridSearch({ tasks: 30 }).tree, 'catching-up')),
  'no-storage': memoryOnly,
  stored: storedRun
};

export const DATA = Object.keys(MAKERS);

const made = new Map<string, Data>();

/** Made once, since large trees take their time; views don't change them. */
export function dataOf(name: string): Data {
  const make = MAKERS[name];
  if (!make) {
    throw new Error(`no data "${name}": there are ${DATA.join(', ')}`);
  }
  const data = made.get(name) ?? make();
  made.set(name, data);
  return data;
}

/** How often the connection was tried again by hand, in all that was shown. */
export function retries(): number {
  return [...made.values()].reduce((sum, { hub }) => sum + hub.retries, 0);
}

function of({ tree }: Telling): Data {
  return named(worldOf(tree));
}

function named(world: World): Data {
  const { tree } = world.follow;
  world.follow.set({ info: infoOf('gallery', PROJECT, tree, 0) });
  const other = gridSearch({ tasks: 12, done: 1, failed: 1, title: 'Nightly load' }).tree;
  const old = gridSearch({ tasks: 9, done: 1, failed: 0, title: 'Figures' }).tree;
  world.hub.all.push(
    infoOf('gallery', PROJECT, tree, 0),
    infoOf('nightly-etl', 'nightly-etl', other, 900),
    infoOf('paper-figures.ipynb', 'paper-figures.ipynb', old, 7200)
  );
  return world;
}

function staleRun(): Data {
  const data = of(gridSearch({ tasks: 60, silent: 5, began: SILENCE + 50 }));
  const { tree } = data.follow;
  const running = [...(tree?.children('run/fit') ?? [])].filter(id => tree?.node(id)?.status === 'running');
  data.follow.set({ stale: new Map(running.slice(0, 5).map(id => [id, (NOW - SILENCE * 1000) * 1000])) });
  // Of these nobody here follows the tree.
  const some = infoOf('weekly', 'weekly-report', gridSearch({ tasks: 30 }).tree, 60);
  const all = infoOf('nightly', 'nightly-training', gridSearch({ tasks: 30 }).tree, 5400);
  const newest = all.missions[0];
  data.hub.all.push(
    { ...some, stale: { run: 2 } },
    { ...all, stale: { run: newest?.rollup.counts.running ?? 0 } }
  );
  return data;
}

/** One failure of each of many kinds: more than are told at first. */
function troubledRun(): Data {
  const onto = gridSearch({ tasks: 60 });
  ['KeyError', 'OSError', 'MemoryError', 'IndexError', 'ZeroDivisionError'].forEach((type, index) => {
    const error = { type, message: `in step ${index + 1}` };
    onto.node(`run/step ${index}`, 'run', { title: `step ${index + 1}`, status: 'failed', error });
  });
  return of(onto);
}

function severalRuns(): Data {
  const onto = new Telling();
  for (const [index, tasks] of [24, 31, 40].entries()) {
    const failed = index === 1 ? 2 : 0;
    gridSearch({ tasks, done: 1, failed, run: `run-${index + 1}`, began: 90_000 - index * 20_000, onto });
  }
  gridSearch({ tasks: 40, run: 'run-4', onto });
  return of(onto);
}

function offlineRun(): Data {
  const { tree } = gridSearch({ tasks: 60 });
  return named(worldOf(tree, 'offline', { kind: 'waiting', attempt: 3, retryAt: NOW + 12_000 }));
}

function memoryOnly(): Data {
  const data = of(gridSearch({ tasks: 30 }));
  data.hub.setStorage({
    kind: 'memory',
    message: 'The folder of logs can’t be written: logs are kept in memory.'
  });
  return data;
}

function storedRun(): Data {
  const { tree } = gridSearch({ tasks: 240, running: 3 });
  const origin = { projectId: 'gallery', missionId: 'run', title: PROJECT, epoch: null, follow: false };
  const stored = new StaticTree(bundleOf(tree, origin, STORED));
  const world = named(worldOf(stored));
  return {
    ...world,
    props: { stored: { tree: stored, title: PROJECT, epoch: null }, follow: null, hub: null }
  };
}
