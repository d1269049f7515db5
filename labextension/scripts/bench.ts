/**
 * What the fold costs in a browser: time per event, and time to take in a whole state. And what the rows of as many siblings alike cost: of the first picture, and of
 * each one after it.
 *
 * npm run bench -- <nodes>
 */
import type { TreeEvent } from '../src/core/envelope.js';
import { parseQuery } from '../src/core/query.js';
import { TaskTree } from '../src/core/tree.js';
import { ViewMemory } from '../src/view/memory.js';
import type { Arranged } from '../src/view/tree/arrange.js';
import { Expansion } from '../src/view/tree/expansion.js';
import { nextFailure } from '../src/view/tree/failures.js';
import { familiesOf } from '../src/view/tree/families.js';
import { Matching } from '../src/view/tree/matching.js';
import { visibleRows } from '../src/view/tree/visible.js';

const NODES = Number(process.argv[2] ?? 100_000);
const PER_GROUP = 100;

/** A grid search: groups of tasks, each created, started, half done, ended. */
function* log(): Generator<TreeEvent> {
  let offset = 0;
  const event = (type: string, data: Record<string, unknown>): TreeEvent => ({
    type,
    project_id: 'bench',
    data,
    timestamp: `2026-01-31T14:02:11.${String(offset % 1_000_000).padStart(6, '0')}Z`,
    source: 'k1',
    seq: offset + 1,
    offset: ++offset,
    at: 1_769_868_131_000_000 + offset
  });
  const changed = (node_id: string, changes: Record<string, unknown>) =>
    event('node_update', { node_id, changes });
  yield changed('run', { title: 'Grid search', status: 'running', expected: NODES });
  const names: string[] = [];
  for (let index = 0; index < NODES; index++) {
    const group = `run/${Math.floor(index / PER_GROUP)}`;
    if (index % PER_GROUP === 0) {
      yield changed(group, { parent_id: 'run', title: `Group ${group}`, status: 'running' });
    }
    const name = `${group}/${index}`;
    names.push(name);
    yield changed(name, {
      parent_id: group,
      title: `fit ${index}`,
      params: { depth: index % 9, rate: 0.1 },
      agent: 'w1'
    });
  }
  for (const name of names) {
    yield event('task_status_changed', { task_id: name, status: 'running' });
    yield changed(name, { progress: 0.5, message: 'fold 2', metrics: { auc: 0.93 } });
    yield event('task_status_changed', { task_id: name, status: 'completed' });
  }
}

/** With the milliseconds of CPU it took: on a machine that does other things too, a clock would tell of those. */
function timed<T>(what: () => T): [T, number] {
  const start = process.cpuUsage();
  const result = what();
  const { user, system } = process.cpuUsage(start);
  return [result, (user + system) / 1000];
}

function say(what: string, value: string): void {
  console.log(`${what.padEnd(52)} ${value.padStart(12)}`);
}

const wire = [...log()].map(event => JSON.stringify(event));
const [events, parsing] = timed(() => wire.map(text => JSON.parse(text) as TreeEvent));
const tree = new TaskTree();
const [, folding] = timed(() => events.forEach(event => tree.apply(event)));
say(`fold of ${events.length} events`, `${((folding * 1000) / events.length).toFixed(2)} µs each`);
say('JSON.parse of the same', `${((parsing * 1000) / events.length).toFixed(2)} µs each`);

const text = JSON.stringify({ state: tree.state(), nodes: [...tree.nodes()] });
const [state, reading] = timed(
  () => JSON.parse(text) as { state: ReturnType<TaskTree['state']>; nodes: never[] }
);
const [loaded, loading] = timed(() => TaskTree.load(state.state, state.nodes));
say(`load of ${loaded.size} nodes`, `${loading.toFixed(0)} ms`);
say(`JSON.parse of the same, ${(text.length / 1e6).toFixed(0)} MB`, `${reading.toFixed(0)} ms`);

const [, first] = timed(() => loaded.span('run'));
say('first span of the root', `${first.toFixed(1)} ms`);
const [, again] = timed(() => {
  for (let turn = 0; turn < 1000; turn++) {
    loaded.apply({
      ...events.at(-1),
      offset: loaded.offset + 1,
      data: { task_id: `run/0/${turn % PER_GROUP}`, status: 'completed' }
    });
    loaded.rollup('run');
    loaded.span('run');
  }
});
say('one event, then roll-up and span of the root', `${again.toFixed(1)} µs each`);

/** One parent with `NODES` tasks alike, six of ten ended, a few of them failed. */
const flat = new TaskTree();
const change = (node_id: string, changes: Record<string, unknown>) => {
  const at = 1_769_868_131_000_000 + flat.offset * 1000;
  const timestamp = new Date(at / 1000).toISOString();
  flat.apply({ type: 'node_update', data: { node_id, changes }, timestamp, offset: flat.offset + 1, at });
};
change('run', { title: 'run', status: 'running', expected: NODES });
for (let index = 0; index < NODES; index++) {
  change(`t${index}`, { parent_id: 'run', title: `fit ${index}`, status: 'ready' });
}
for (let index = 0; index < NODES * 0.6; index++) {
  change(`t${index}`, { status: 'running' });
  change(`t${index}`, {
    status: index % 5000 === 7 ? 'failed' : 'completed',
    metrics: { auc: index / NODES }
  });
}

const expansion = new Expansion(new ViewMemory(null));
const arranged = new Map<string, Arranged>();
const draw = () => {
  const keep = new Set<string>();
  return visibleRows({
    tree: flat,
    roots: ['run'],
    withOmittedRoots: false,
    expansion,
    keep,
    isCalm: false,
    arranged
  });
};
let turn = 0;
/** What comes between two pictures at 1 000 events a second. */
const tenth = () => {
  for (let index = 0; index < 50; index++, turn += 7) {
    change(`t${turn % NODES}`, { status: 'running' });
    change(`t${turn % NODES}`, { status: 'completed' });
  }
};
const PICTURES = 100;
const often = (what: () => void) => timed(() => Array.from({ length: PICTURES }, what))[1] / PICTURES;

const [rows, drawing] = timed(draw);
say(`first rows of ${NODES} siblings`, `${drawing.toFixed(0)} ms`);
const family = familiesOf(flat).of('run');
const [slices, timing] = timed(() => {
  let count = 0;
  for (; !family.isTimed; count++) {
    family.time(4000);
  }
  return count;
});
say(`how long each took, in ${slices} slices`, `${(timing / slices).toFixed(1)} ms each`);
say('100 events, folded', `${often(tenth).toFixed(2)} ms`);
const both = () => {
  tenth();
  draw();
};
say('100 events, folded, and the rows', `${often(both).toFixed(2)} ms`);
for (const [, row] of rows.explicit()) {
  if (row.kind === 'rest') {
    expansion.choose([row.key], true);
  }
}
say(`the same with all ${draw().length} rows open`, `${often(both).toFixed(2)} ms`);
say('to the next failure', `${timed(() => nextFailure(flat, ['run'], rows, 9, false))[1].toFixed(1)} ms`);
const query = parseQuery('fit 99');
if (query) {
  const [matching, looking] = timed(() => new Matching(flat, ['run'], query, () => 0));
  say(`a search, in slices of 8 ms (${matching.count} match)`, `${looking.toFixed(0)} ms`);
}
