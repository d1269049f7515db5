/** Tells a tree what happened, at times of the teller's choice. */
import type { TreeEvent } from '../../src/core/envelope.js';
import type { TreeReader } from '../../src/core/reader.js';
import { TaskTree } from '../../src/core/tree.js';
import { NOW } from './clock.js';

export type Changes = Record<string, unknown>;

/** Of a tree, what was told first: enough for the tasks that are looked at, and no second copy of a large run. */
const KEPT = 30_000;
const told = new WeakMap<TreeReader, TreeEvent[]>();

/** In the order of the log; of a tree that nobody told, nothing. */
export function toldOf(tree: TreeReader): readonly TreeEvent[] {
  return told.get(tree) ?? [];
}

export class Telling {
  readonly tree = new TaskTree();
  readonly #told: TreeEvent[] = [];
  #at = 0;

  constructor() {
    told.set(this.tree, this.#told);
  }

  /** `ago`: seconds before now, as the emitter's clock has it. Nothing is told of the future. */
  event(type: string, data: Record<string, unknown>, ago = 0): this {
    const offset = this.tree.offset + 1;
    const time = NOW - Math.max(0, ago) * 1000;
    this.#at = Math.max(this.#at, Math.round(time * 1000));
    const event: TreeEvent = {
      type,
      data,
      project_id: 'gallery',
      source: 's',
      seq: offset,
      timestamp: new Date(time).toISOString(),
      offset,
      at: this.#at
    };
    this.tree.apply(event);
    if (this.#told.length < KEPT) {
      this.#told.push(event);
    }
    return this;
  }

  node(id: string, parent: string | null, changes: Changes, ago = 0): this {
    const place = parent === null ? {} : { parent_id: parent };
    return this.event('node_update', { node_id: id, changes: { title: id, ...place, ...changes } }, ago);
  }

  change(id: string, changes: Changes, ago = 0): this {
    return this.event('node_update', { node_id: id, changes }, ago);
  }

  log(id: string, level: string, message: string, ago = 0): this {
    return this.event('node_log', { node_id: id, level, message }, ago);
  }
}

/** Chance that is the same each time: mulberry32. */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
