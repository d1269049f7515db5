/** The run of the gallery: a grid search of any size, with something for every view to show. */
import { chanceOf, Telling, type Changes } from './telling.js';

export interface Options {
  /** Nodes in all. */
  tasks: number;
  /** How far the fits are; 1: the run has ended. */
  done?: number;
  running?: number;
  /** So many of those that run are of a process that isn't heard any more. */
  silent?: number;
  failed?: number;
  /** Its node ids begin with it. */
  run?: string;
  /** Seconds before now at which it began; undefined: just long enough ago. */
  began?: number;
  onto?: Telling;
  title?: string;
}

/** Of eight workers' fits, one begins each so many seconds. */
const STEP = 0.15;
const WORKERS = 8;
/** Of what isn’t heard, the last word came so many seconds ago. */
export const SILENCE = 94;
/** Besides the fits: the run, what loads its data, and what comes after. */
const FIXED = 6;
const TRACEBACKS = {
  ValueError: {
    message: 'Input X contains NaN.',
    traceback:
      'Traceback (most recent call last):\n' +
      '  File "/home/ada/churn/search.py", line 41, in fit_one\n    model.fit(X, y)\n' +
      '  File "/usr/lib/python3/site-packages/sklearn/ensemble/_forest.py", line 360, in fit\n    X, y = self._validate_data(X, y)\n' +
      '  File "/usr/lib/python3/site-packages/sklearn/utils/validation.py", line 1105, in assert_all_finite\n    raise ValueError(message)\n' +
      'ValueError: Input X contains NaN.'
  },
  TimeoutError: {
    message: 'fold 4 took longer than 60 s',
    traceback:
      'Traceback (most recent call last):\n' +
      '  File "/home/ada/churn/search.py", line 47, in fit_one\n    future.result(timeout=60)\n' +
      '  File "/usr/lib/python3/concurrent/futures/_base.py", line 458, in result\n    raise TimeoutError()\n' +
      'TimeoutError: fold 4 took longer than 60 s'
  }
};

export function gridSearch(options: Options): Telling {
  const { tasks, done = 0.66, running = Math.min(WORKERS, Math.ceil(tasks / 8)), failed = 3 } = options;
  const { run = 'run', onto = new Telling(), title = 'Grid search', silent = 0 } = options;
  const fits = Math.max(1, tasks - FIXED);
  const ended = done >= 1 ? fits : Math.floor(fits * done);
  const took = ended * STEP + 40;
  const began = options.began ?? took;
  const id = (name: string) => `${run}/${name}`;
  const chance = chanceOf(tasks + fits);

  onto.node(run, null, { title, status: 'running', tags: ['nightly'], params: { day: '2026-01-31' } }, began);
  onto.event('orchestrator_started', { status: 'running', a2amcp_enabled: true }, began);
  onto.node(id('load'), run, { title: 'load data', status: 'running' }, began);
  onto.node(id('load/read'), id('load'), { title: 'read', status: 'running', kind: 'io' }, began);
  onto.change(id('load/read'), { status: 'completed', outputs: { rows: 1_200_000 } }, began - 20);
  onto.change(id('load'), { status: 'completed', message: '1.2 M rows from warehouse.events' }, began - 38);
  onto.log(id('load'), 'info', 'cached in /tmp/warehouse.parquet', began - 38);
  onto.node(id('fit'), run, { title: 'fit', status: 'running', expected: fits }, began - 38.5);

  const failures = new Set<number>();
  for (let index = 0; index < Math.min(failed, ended); index += 1) {
    failures.add(Math.floor((ended * (index + 1)) / (failed + 1)));
  }
  let best = 0;
  for (let number = 0; number < fits; number += 1) {
    const fit = id(`fit ${number}`);
    const agent = `worker-${(number % WORKERS) + 1}`;
    const params = paramsOf(number);
    const start = began - 39 - number * STEP;
    const seconds = STEP * WORKERS * (0.4 + 1.2 * chance());
    const auc = Number((0.88 + 0.06 * chance()).toFixed(4));
    const told: Changes = { title: `fit ${number}`, agent, params };
    if (number < ended && failures.has(number)) {
      fail(onto, fit, id('fit'), told, start, failures.size > 1 && number === [...failures].pop());
    } else if (number < ended) {
      onto.node(fit, id('fit'), { ...told, status: 'running' }, start);
      onto.change(
        fit,
        { status: 'completed', message: `auc ${auc}`, metrics: { auc, fit_s: Number(seconds.toFixed(2)) } },
        Math.max(0, start - seconds)
      );
      best = Math.max(best, auc);
    } else if (number < ended + running) {
      const heard = number < ended + silent ? SILENCE : 0;
      grow(onto, fit, id('fit'), told, auc, (number - ended) / running, heard);
    } else {
      onto.node(fit, id('fit'), { title: `fit ${number}`, params, status: 'ready' });
    }
  }
  if (best > 0) {
    onto.change(id('fit'), { message: `best auc ${best}`, metrics: { best_auc: best } });
  }
  const over = done >= 1 ? began - took : 0;
  const after = done >= 1 ? 'completed' : 'ready';
  const evaluate = { title: 'evaluate', status: after, dependencies: [id('fit')], expected: 16 };
  onto.node(id('evaluate'), run, evaluate, over);
  const report = {
    title: 'report',
    status: done >= 1 ? 'completed' : 'draft',
    dependencies: [id('evaluate'), id('load')]
  };
  onto.node(id('report'), run, report, over);
  tellAgents(onto, done >= 1 ? [] : fitsUnderWay(ended, running, fits));
  if (done >= 1) {
    onto.change(id('fit'), { status: 'completed' }, over + 0.2);
    onto.change(
      run,
      { status: failed > 0 ? 'failed' : 'completed', message: `best auc ${best}` },
      over + 0.1
    );
    onto.event('orchestrator_stopped', { status: 'stopped' });
  }
  return onto;
}

function paramsOf(number: number): Changes {
  return {
    max_depth: 3 + (number % 7) * 2,
    min_samples: 2 + 2 * (Math.floor(number / 7) % 4),
    imputer: number % 3 === 0 ? 'median' : 'mean'
  };
}

function fail(onto: Telling, id: string, parent: string, told: Changes, start: number, late: boolean): void {
  const type = late ? 'TimeoutError' : 'ValueError';
  onto.node(id, parent, { ...told, status: 'running' }, start);
  onto.log(id, 'debug', '5 folds of 240 000 rows', start - 0.1);
  onto.log(id, 'info', 'fold 1 of 5', start - 0.2);
  onto.change(id, { status: 'failed', error: { type, ...TRACEBACKS[type] } }, start - 0.4);
  onto.change(id, { status: 'ready' }, start - 0.5);
  onto.change(id, { status: 'running' }, start - 0.6);
  onto.log(id, 'warning', 'tried again with the same folds', start - 0.6);
  for (let fold = 1; fold <= 3; fold += 1) {
    onto.log(id, 'info', `fold ${fold} of 5`, start - 2 * fold);
  }
  onto.log(id, 'warning', 'fold 4: 3 columns have no value in some rows\n  age, income, tenure', start - 8);
  onto.log(id, 'error', `fold 4 failed: ${TRACEBACKS[type].message}`, start - 9.7);
  onto.change(
    id,
    { status: 'failed', progress: 0.62, error: { type, ...TRACEBACKS[type] } },
    Math.max(0, start - 9.8)
  );
}

/** A fit under way, told fold by fold, up to so many seconds ago. */
function grow(
  onto: Telling,
  id: string,
  parent: string,
  told: Changes,
  auc: number,
  share: number,
  heard: number
): void {
  const folds = 1 + Math.floor(share * 4);
  onto.node(id, parent, { ...told, status: 'running' }, heard + 6);
  for (let fold = 1; fold <= folds; fold += 1) {
    const soFar = Number((auc - 0.01 * (5 - fold)).toFixed(4));
    const message = `fold ${fold}/5 · auc ${soFar}`;
    onto.change(id, { progress: fold / 5, message, metrics: { auc: soFar } }, heard + 5 - fold);
  }
  onto.log(id, 'info', `fold ${folds} of 5`, heard + 1);
}

function fitsUnderWay(ended: number, running: number, fits: number): number[] {
  return Array.from({ length: Math.min(running, fits - ended) }, (_, index) => ended + index);
}

function tellAgents(onto: Telling, underWay: readonly number[]): void {
  const agents = Object.fromEntries(
    underWay.map(number => [
      `worker-${(number % WORKERS) + 1}`,
      {
        status: 'working',
        task: `fit ${number}`,
        tokens: 1200 + 10 * number,
        cost_usd: 0.01 * (1 + (number % 5)),
        heartbeat: new Date(onto.tree.at / 1000 - 400).toISOString()
      }
    ])
  );
  onto.event('coordination_update', { active_agents: underWay.length, agents });
}
