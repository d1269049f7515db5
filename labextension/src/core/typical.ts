/** How long things usually take, by the earlier runs that are in the tree. */
import type { TreeReader } from './reader.js';

export interface Usual {
  /** Microseconds. */
  median: number;
  /** How many earlier runs say so. */
  runs: number;
}

/** What the same task (by the titles on its path) took in earlier runs that completed it; null where none did. */
export function usualDuration(_tree: TreeReader, _id: string): Usual | null {
  return null;
}
