import type { Rollup, Status } from '../core/reader.js';

/** How a run stands; `stale`: it is said to run, but nobody hears anything that runs in it. */
export type RunState = Status | 'stale';

/** `stale`: how many of its running leaves are. */
export function runState(status: Status, { counts }: Rollup, stale: number): RunState {
  const { running = 0, review = 0 } = counts;
  return status === 'running' && stale > 0 && running + review <= stale ? 'stale' : status;
}
