/** A stored tree. It may come from any notebook, so nothing in it is taken for granted. */
import type { Bundle } from './bundle.js';
import { isObject, own, type JsonObject } from './json.js';
import type { Omitted, Rollup, Span, Status, StatusCounts, TreeNode, TreeReader } from './reader.js';
import { isField } from './shape.js';
import { parseStatus, STATUSES } from './status.js';
import { parseTime } from './times.js';

const NO_CHILDREN: readonly string[] = [];

export class StaticTree implements TreeReader {
  readonly offset: number;
  readonly at: number;
  readonly version = 0;
  readonly roots: readonly string[];
  private readonly nodes = new Map<string, TreeNode>();
  private readonly rollups = new Map<string, Rollup>();
  private readonly below = new Map<string, string[]>();
  private readonly spans = new Map<string, Span>();
  private readonly left: JsonObject;

  constructor(bundle: Pick<Bundle, 'offset' | 'at' | 'nodes' | 'omitted'>) {
    this.offset = integer(bundle.offset);
    this.at = integer(bundle.at);
    this.left = isObject(bundle.omitted) ? bundle.omitted : {};
    const roots: string[] = [];
    for (const item of Array.isArray(bundle.nodes) ? (bundle.nodes as unknown[]) : []) {
      const node = nodeOf(item);
      if (!node || this.nodes.has(node.node_id)) {
        continue;
      }
      const parent = node.parent_id;
      if (parent !== undefined && this.nodes.has(parent)) {
        const siblings = this.below.get(parent);
        if (siblings) {
          siblings.push(node.node_id);
        } else {
          this.below.set(parent, [node.node_id]);
        }
      } else {
        roots.push(node.node_id);
      }
      this.nodes.set(node.node_id, node);
      this.rollups.set(node.node_id, rollupOf((item as JsonObject).rollup, node.status));
    }
    this.roots = roots;
  }

  node(id: string): TreeNode | undefined {
    return this.nodes.get(id);
  }

  children(id: string): readonly string[] {
    return this.below.get(id) ?? NO_CHILDREN;
  }

  rollup(id: string): Rollup {
    return this.rollups.get(id) ?? { leaves: 0, total: 0, done: 0, progress: 0, failures: 0, counts: {} };
  }

  /** Over the nodes that are here; those left out have no times. */
  span(id: string): Span {
    const known = this.spans.get(id);
    if (known) {
      return known;
    }
    let startedAt: number | null = null;
    let endedAt: number | null = null;
    const stack = [id];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const node = this.nodes.get(next);
      const start = parseTime(node?.started_at);
      const end = parseTime(node?.ended_at);
      startedAt = start === null ? startedAt : Math.min(start, startedAt ?? start);
      endedAt = end === null ? endedAt : Math.max(end, endedAt ?? end);
      for (const child of this.children(next)) {
        stack.push(child);
      }
    }
    const span = { startedAt, endedAt };
    this.spans.set(id, span);
    return span;
  }

  omitted(parentId: string | null): Omitted | null {
    const found = own(this.left, parentId ?? '');
    if (!isObject(found)) {
      return null;
    }
    const count = integer(found.count);
    return count > 0 ? { count, counts: countsOf(found.counts) } : null;
  }
}

/** The fields that are what they should be; the others are left out. */
function nodeOf(item: unknown): TreeNode | null {
  if (!isObject(item) || !isField('node_id', item.node_id)) {
    return null;
  }
  const fields = { ...item };
  for (const key of Object.keys(fields)) {
    if (key === 'rollup' || !isField(key, fields[key])) {
      Reflect.deleteProperty(fields, key);
    }
  }
  return { ...fields, status: parseStatus(fields.status) ?? 'draft' } as TreeNode;
}

function integer(value: unknown): number {
  return Number.isSafeInteger(value) ? (value as number) : 0;
}

function countsOf(value: unknown): StatusCounts {
  const counts: StatusCounts = {};
  for (const status of STATUSES) {
    const count = isObject(value) ? integer(value[status]) : 0;
    if (count > 0) {
      counts[status] = count;
    }
  }
  return counts;
}

function rollupOf(value: unknown, status: Status): Rollup {
  if (!isObject(value)) {
    return {
      leaves: 1,
      total: 1,
      done: 0,
      progress: 0,
      failures: status === 'failed' ? 1 : 0,
      counts: { [status]: 1 }
    };
  }
  return {
    leaves: integer(value.leaves),
    total: integer(value.total),
    done: integer(value.done),
    progress: integer(value.progress),
    failures: integer(value.failures),
    counts: countsOf(value.counts)
  };
}
