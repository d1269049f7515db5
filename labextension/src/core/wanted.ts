/** Whether somebody wants an event: of those that pass by, what the server says of those in the log (`server/searching.py`). */
import type { TreeEvent } from './envelope.js';
import type { EventQuery, LogLevel } from './history.js';
import { isObject } from './json.js';
import type { TreeReader } from './reader.js';

export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error', 'critical'];

/** The task that an event is about. */
export function nodeOf(event: Pick<TreeEvent, 'data'>): string | null {
  const { node_id, task_id, context } = event.data;
  const inner = isObject(context) ? context.node_id : undefined;
  for (const named of [node_id, task_id, inner]) {
    if (typeof named === 'string') {
      return named;
    }
  }
  return null;
}

/** `tree` tells what stands below what. */
export function wants(query: EventQuery, tree: () => TreeReader | null): (event: TreeEvent) => boolean {
  const types = query.types?.length ? new Set(query.types) : null;
  const ids = query.nodeIds?.length ? new Set(query.nodeIds) : null;
  const text = (query.contains ?? '').toLowerCase();
  const lowest = query.level === undefined ? -1 : LEVELS.indexOf(query.level);
  const isAbout = (id: string | null) => {
    const reader = query.below ? tree() : null;
    for (let at = id ?? undefined; at !== undefined; at = reader?.node(at)?.parent_id) {
      if (ids?.has(at)) {
        return true;
      }
    }
    return false;
  };
  return event =>
    (!types || types.has(event.type)) &&
    (event.type !== 'node_log' || LEVELS.indexOf(event.data.level as LogLevel) >= lowest) &&
    (!ids || isAbout(nodeOf(event))) &&
    (text === '' || mentions(event, text));
}

/** `text`: in lower case. */
export function mentions({ type, data }: TreeEvent, text: string): boolean {
  return holds(type, text) || holds(data, text);
}

function holds(value: unknown, text: string): boolean {
  if (typeof value === 'string') {
    return value.toLowerCase().includes(text);
  }
  if (Array.isArray(value)) {
    return value.some(inner => holds(inner, text));
  }
  if (isObject(value)) {
    return Object.entries(value).some(
      ([key, inner]) => key.toLowerCase().includes(text) || holds(inner, text)
    );
  }
  return (typeof value === 'number' || typeof value === 'boolean') && String(value).includes(text);
}
