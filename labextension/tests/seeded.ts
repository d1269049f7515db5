/**
 * The test command asks the same of generated cases every time, so that a red run is about the change. `TASKTREE_SEED=random` looks for
 * new ones; a number repeats what was found.
 */
import fc from 'fast-check';

const wanted = process.env.TASKTREE_SEED ?? '20260131';
if (wanted !== 'random') {
  fc.configureGlobal({ seed: Number(wanted) });
}

/** How many cases a test has: of the same every time a third is enough. */
export function runs(number: number): number {
  return wanted === 'random' ? number : Math.ceil(number / 3);
}
