/** What a status or a log line does to a node's fields (docs/fold.md, Status). */
import type { NodeLogEvent } from './envelope.js';
import { own, put, type JsonObject } from './json.js';
import type { Status, TreeNode } from './reader.js';
import { isEnded, isUsual, parseStatus } from './status.js';

/** What a `state_transition` says besides the new status. */
export interface Reported {
  from: unknown;
  context: JsonObject;
}

const SAID = ['trigger', 'reason'] as const;

/** The first status of a node that this event created or that was a placeholder. Changes `fields`. */
export function enter(fields: TreeNode, status: Status, timestamp: string, reported: Reported | null): void {
  fields.status = status;
  if (status === 'ready') {
    fields.queued_at ??= timestamp;
  }
  if (status === 'running') {
    fields.started_at ??= timestamp;
  }
  if (isEnded(status)) {
    fields.ended_at = timestamp;
  } else {
    delete fields.ended_at;
  }
  for (const key of SAID) {
    const said = reported?.context[key];
    if (typeof said === 'string') {
      fields[key] = said;
    } else {
      Reflect.deleteProperty(fields, key);
    }
  }
}

/** A status for a node that had one. Changes `fields`. */
export function transition(
  fields: TreeNode,
  status: Status,
  timestamp: string,
  reported: Reported | null
): void {
  const before = fields.status;
  if (before !== status) {
    if (isEnded(before) && !isEnded(status)) {
      fields.attempt = Math.min((fields.attempt ?? 1) + 1, Number.MAX_SAFE_INTEGER);
      delete fields.ended_at;
      delete fields.started_at;
      delete fields.progress;
      delete fields.error;
      delete fields.message;
    }
    enter(fields, status, timestamp, reported);
  } else if (reported) {
    for (const key of SAID) {
      const said = reported.context[key];
      if (typeof said === 'string') {
        fields[key] = said;
      }
    }
  }
  const from = reported?.from;
  if (typeof from === 'string' && parseStatus(from) !== before) {
    fields.unusual = { from, to: status, timestamp };
  } else if (before !== status && !isUsual(before, status)) {
    fields.unusual = { from: before, to: status, timestamp };
  }
}

/** Counts a log line. Changes `fields`. */
export function record(fields: TreeNode, line: NodeLogEvent, timestamp: string): void {
  const counts: JsonObject = { ...fields.log?.counts };
  const count = own(counts, line.level);
  put(counts, line.level, typeof count === 'number' ? count + 1 : 1);
  fields.log = {
    counts: counts as Record<string, number>,
    last: { level: line.level, message: line.message, timestamp }
  };
}
