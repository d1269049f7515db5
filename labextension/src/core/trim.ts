/** Cuts what is long in a node, so that a bundle holds many nodes; the twin of Python's `display/trim.py`. */
import { isObject, put } from './json.js';
import type { NodeError, NodeLog, TreeNode } from './reader.js';

/** How many bytes of UTF-8 each part of a node may take. */
export interface Bounds {
  title: number;
  /** Message, agent and the like. */
  text: number;
  traceback: number;
  /** Params, metrics, inputs and any other field, as JSON; a list of ids or tags too. */
  value: number;
  /** All that isn't shown in the node's row, together. */
  node: number;
}

export const WHOLE: Bounds = { title: 600, text: 1_000, traceback: 6_000, value: 1_500, node: 10_000 };
export const BRIEF: Bounds = { title: 300, text: 300, traceback: 0, value: 300, node: 900 };

const MOST_NAMED = 20;
const KEPT = new Set([
  'node_id',
  'parent_id',
  'status',
  'progress',
  'expected',
  'attempt',
  'placeholder',
  'queued_at',
  'created_at',
  'started_at',
  'ended_at'
]);
const TEXTS = new Set(['title', 'kind', 'message', 'agent', 'trigger', 'reason']);
/** What else a node holds, the most telling first; then come fields that only the user knows. */
const DETAILS = ['error', 'metrics', 'params', 'tags', 'dependencies', 'log', 'unusual', 'links', 'source'];

const ELLIPSIS = '…';
/** Stands for a value of which nothing fits. */
const GONE = ELLIPSIS;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function jsonBytes(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length;
}

/** A node that keeps to `bounds`, and the names of the fields that lost something, at most 20. */
export function trim(node: TreeNode, bounds: Bounds): { node: TreeNode; lost: string[] } {
  const kept: Record<string, unknown> = {};
  const lost: string[] = [];
  const details = DETAILS.filter(name => node[name] !== undefined);
  for (const [name, value] of Object.entries(node)) {
    if (value === undefined) {
      continue;
    }
    if (KEPT.has(name)) {
      put(kept, name, value);
    } else if (TEXTS.has(name) && typeof value === 'string') {
      kept[name] = cut(value, name === 'title' ? bounds.title : bounds.text);
      if (kept[name] !== value) {
        lost.push(name);
      }
    } else if (!DETAILS.includes(name)) {
      details.push(name);
    }
  }
  let room = bounds.node;
  for (const name of details) {
    const value = detail(name, node[name], bounds);
    const size = jsonBytes(value) + jsonBytes(name) + 2;
    if (value === GONE || size > room) {
      lost.push(name);
      continue;
    }
    room -= size;
    put(kept, name, value);
    if (JSON.stringify(value) !== JSON.stringify(node[name])) {
      lost.push(name);
    }
  }
  return { node: kept as TreeNode, lost: lost.slice(0, MOST_NAMED).map(name => cut(name, 100)) };
}

function detail(name: string, value: unknown, bounds: Bounds): unknown {
  if (name === 'error') {
    return error(value as NodeError, bounds);
  }
  if (name === 'log') {
    const { counts, last } = value as NodeLog;
    return { counts, last: { ...last, message: cut(last.message, bounds.text) } };
  }
  return name === 'unusual' ? value : fitted(value, bounds.value);
}

function error({ type, message, traceback }: NodeError, bounds: Bounds): NodeError {
  return {
    ...(type === undefined ? {} : { type: cut(type, bounds.text) }),
    ...(message === undefined ? {} : { message: cut(message, bounds.text) }),
    ...(traceback && bounds.traceback > 0 ? { traceback: tail(traceback, bounds.traceback) } : {})
  };
}

function cut(text: string, size: number): string {
  if (text.length * 3 <= size) {
    return text;
  }
  const bytes = encoder.encode(text);
  return bytes.length <= size ? text : whole(bytes.slice(0, size)) + ELLIPSIS;
}

/** Keeps the end: there a traceback says what happened and where. */
function tail(text: string, size: number): string {
  const bytes = encoder.encode(text);
  if (bytes.length <= size) {
    return text;
  }
  const end = whole(bytes.slice(-size));
  return `${ELLIPSIS}\n${end.slice(end.indexOf('\n') + 1)}`;
}

/** Without the character that was cut in two. */
function whole(bytes: Uint8Array): string {
  return decoder.decode(bytes).replace(/^\ufffd+|\ufffd+$/g, '');
}

/** As much of a value from its beginning as takes `size` bytes of JSON; `…` where nothing does. */
function fitted(value: unknown, size: number): unknown {
  if (jsonBytes(value) <= size) {
    return value;
  }
  if (typeof value === 'string') {
    return size > 8 ? cut(value, size) : GONE;
  }
  let room = size - 2;
  if (Array.isArray(value)) {
    const elements: unknown[] = [];
    for (const each of value as unknown[]) {
      const part = fitted(each, room - 1);
      room -= jsonBytes(part) + 1;
      if (part === GONE || room < 0) {
        break;
      }
      elements.push(part);
    }
    return elements.length > 0 ? elements : GONE;
  }
  if (isObject(value)) {
    const items: [string, unknown][] = [];
    for (const [key, each] of Object.entries(value)) {
      room -= jsonBytes(key) + 2;
      const part = fitted(each, room);
      room -= jsonBytes(part);
      if (part === GONE || room < 0) {
        break;
      }
      items.push([key, part]);
    }
    return items.length > 0 ? Object.fromEntries(items) : GONE;
  }
  return GONE;
}
