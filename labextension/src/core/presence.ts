/** Which tasks belong to a source that hasn't been heard for too long. A clock decides it, so it is no part of the tree. */
import { isObject } from './json.js';
import type { Frame } from './protocol.js';
import { isInteger } from './shape.js';

/** By task: when its source was last heard, microseconds since 1970. */
export type StaleTasks = ReadonlyMap<string, number>;

export const NOTHING_STALE: StaleTasks = new Map();

/** The stale tasks that a `presence` frame tells of. */
export function staleTasksOf(frame: Frame): StaleTasks {
  const stale = new Map<string, number>();
  for (const source of Array.isArray(frame.sources) ? (frame.sources as unknown[]) : []) {
    if (!isObject(source) || !isInteger(source.silent_since, 0) || !Array.isArray(source.nodes)) {
      continue;
    }
    for (const id of source.nodes as unknown[]) {
      if (typeof id === 'string') {
        stale.set(id, source.silent_since);
      }
    }
  }
  return stale.size > 0 ? stale : NOTHING_STALE;
}
