/**
 * Writes generated logs with what TypeScript makes of them, one JSON object a line: {"events", "state", "nodes"}, in the form of
 * tests/vectors.
 *
 * node scripts/run.mjs scripts/generate.ts <count> <seed>
 */
import fc from 'fast-check';

import { TaskTree } from '../src/core/tree.js';
import { whole } from '../tests/core/naive.js';
import { sequence } from '../tests/core/sequences.js';

const [count = '100', seed = '1'] = process.argv.slice(2);
for (const events of fc.sample(sequence, { numRuns: Number(count), seed: Number(seed) })) {
  const tree = new TaskTree();
  events.forEach(event => tree.apply(event));
  process.stdout.write(`${JSON.stringify({ events, ...(whole(tree) as object) })}\n`);
}
