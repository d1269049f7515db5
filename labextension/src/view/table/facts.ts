/** What a table, and `run.to_frame()`, says of one task. `tasktree_jupyter/client/frame.py` is its twin. */
import { kindOf, type Kind } from '../../core/kind.js';
import type { TreeNode, TreeReader } from '../../core/reader.js';
import { isEnded } from '../../core/status.js';
import { parseTime } from '../../core/times.js';
import { progressOf, titleOf } from '../node.js';

/** The columns that are always there, in the order of the frame; `params.*` and then `metrics.*` follow. */
export const FIXED = [
  'node_id',
  'parent_id',
  'title',
  'status',
  'progress',
  'depth',
  'started_at',
  'ended_at',
  'duration',
  'attempt',
  'agent',
  'error_type',
  'error_message'
] as const;

/** A column's name: one of the fixed ones, or `params.…` or `metrics.…`. */
export type ColumnName = string;

const SAID: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity]
]);

/** One task as it was when it was looked at. */
export class Facts {
  #fields: Map<string, unknown> | null = null;

  constructor(
    readonly node: TreeNode,
    readonly depth: number,
    readonly kind: Kind
  ) {}

  get id(): string {
    return this.node.node_id;
  }

  /** Parameters and metrics by the names of their columns, in the order in which the task gave them. */
  get fields(): ReadonlyMap<string, unknown> {
    if (!this.#fields) {
      this.#fields = new Map();
      flatten(this.node.params, 'params', this.#fields);
      flatten(this.node.metrics, 'metrics', this.#fields);
    }
    return this.#fields;
  }

  /** Undefined or null where there is nothing. Times and `duration` are in microseconds; `now`: up to when what runs is timed. */
  value(column: ColumnName, now: number | null = null): unknown {
    const { node } = this;
    switch (column) {
      case 'depth':
        return this.depth;
      case 'attempt':
        return node.attempt ?? 1;
      case 'started_at':
      case 'ended_at':
        return parseTime(node[column]);
      case 'duration': {
        const start = parseTime(node.started_at);
        const end = parseTime(node.ended_at) ?? (isEnded(node.status) ? null : now);
        return start === null || end === null ? null : end - start;
      }
      case 'progress':
        return progressOf(node);
      case 'error_type':
        return node.error?.type;
      case 'error_message':
        return node.error?.message;
      case 'status':
      case 'title':
      case 'agent':
      case 'node_id':
      case 'parent_id':
        return node[column];
      default:
        return this.fields.get(column);
    }
  }
}

function flatten(values: unknown, path: string, into: Map<string, unknown>): void {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    return;
  }
  for (const [name, value] of Object.entries(values as Record<string, unknown>)) {
    const column = `${path}.${name}`;
    const isGroup =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    if (isGroup) {
      flatten(value, column, into);
    } else {
      into.set(column, column.startsWith('metrics.') ? (SAID.get(value) ?? value) : value);
    }
  }
}

/** A value that is no number, as text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The facts of a tree's nodes, found out anew only where a node has changed. */
export class FactsOf {
  #known = new Map<string, Facts>();
  #tree: TreeReader | null = null;

  /** All at and below `roots`, in the order of the tree; `step` is called now and then. */
  *all(tree: TreeReader, roots: readonly string[]): Generator<undefined, Facts[], undefined> {
    const before = this.#tree === tree ? this.#known : new Map<string, Facts>();
    const all: Facts[] = [];
    const next = new Map<string, Facts>();
    const stack: { id: string; depth: number }[] = [];
    const push = (ids: readonly string[], depth: number) => {
      for (let at = ids.length - 1; at >= 0; at -= 1) {
        stack.push({ id: ids[at] as string, depth });
      }
    };
    push(roots, 1);
    for (let top = stack.pop(); top; top = stack.pop()) {
      const node = tree.node(top.id);
      if (!node || next.has(top.id)) {
        continue;
      }
      const known = before.get(top.id);
      const facts =
        known?.node === node && known.depth === top.depth
          ? known
          : new Facts(node, top.depth, kindOf(titleOf(node)));
      next.set(top.id, facts);
      all.push(facts);
      push(tree.children(top.id), top.depth + 1);
      if (all.length % 500 === 0) {
        yield;
      }
    }
    this.#known = next;
    this.#tree = tree;
    return all;
  }
}
