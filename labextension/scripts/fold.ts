/**
 * Folds logs: reads JSON lines {"events": …} and writes for each {"state", "nodes"}, in the form of tests/vectors. The log is
 * folded in two halves, with a journey over the wire between them.
 *
 * node scripts/run.mjs scripts/fold.ts < logs
 */
import { readFileSync } from 'node:fs';

import { TaskTree } from '../src/core/tree.js';
import { reload, whole } from '../tests/core/naive.js';

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const { events } = JSON.parse(line) as { events: object[] };
  const half = Math.floor(events.length / 2);
  let tree = new TaskTree();
  events.slice(0, half).forEach(event => tree.apply(event));
  tree = reload(tree);
  events.slice(half).forEach(event => tree.apply(event));
  process.stdout.write(`${JSON.stringify(whole(tree))}\n`);
}
