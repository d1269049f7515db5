/** What an event says, in a line. */
import type { TreeEvent } from '../../core/envelope.js';
import { isObject } from '../../core/json.js';
import type { TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { nodeOf } from '../../core/wanted.js';
import { translatable } from '../../core/translatable.js';
import { formatCount } from '../format.js';
import { levelName } from '../level.js';
import { nameOf } from '../node.js';
import { statusName } from '../status.js';
import { listed, type Words } from '../words.js';

/** In the order in which they are offered; others are offered as they come. */
export const KNOWN_TYPES: readonly string[] = [
  'node_update',
  'task_status_changed',
  'state_transition',
  'node_log',
  'coordination_update',
  'mission_snapshot',
  'snapshot_update',
  'orchestrator_started',
  'orchestrator_stopped',
  'orchestrator_error',
  'events_dropped'
];

const NAMES: Record<string, string> = {
  node_update: translatable('task'),
  task_status_changed: translatable('status'),
  state_transition: translatable('transition'),
  node_log: translatable('log line'),
  coordination_update: translatable('agents'),
  mission_snapshot: translatable('snapshot'),
  snapshot_update: translatable('snapshot changed'),
  orchestrator_started: translatable('orchestrator started'),
  orchestrator_stopped: translatable('orchestrator stopped'),
  orchestrator_error: translatable('orchestrator error'),
  events_dropped: translatable('events dropped')
};

export function typeName(words: Words, type: string): string {
  const name = Object.hasOwn(NAMES, type) ? NAMES[type] : undefined;
  return name === undefined ? seenLine(type) : words.__(name);
}

export interface Described {
  /** The task that it is about, by name. */
  task: string | null;
  text: string;
  /** Whether it tells of something that went wrong. */
  isBad: boolean;
}

export function described(words: Words, tree: TreeReader, event: TreeEvent): Described {
  const id = nodeOf(event);
  const task = id === null ? null : nameOf(tree, id);
  const { type, data } = event;
  const word = (value: unknown) => (typeof value === 'string' ? seenLine(value) : '');
  const status = (value: unknown) => (typeof value === 'string' ? statusName(words, value) : '');
  switch (type) {
    case 'node_update':
      return { task, ...changes(words, data.changes) };
    case 'task_status_changed':
      return { task, text: `→ ${status(data.status)}`, isBad: data.status === 'failed' };
    case 'state_transition': {
      const context = isObject(data.context) ? data.context : {};
      const from = typeof data.from === 'string' ? `${status(data.from)} ` : '';
      const why = [context.trigger, context.reason].map(word).filter(Boolean).join(': ');
      const text = `${from}→ ${status(data.to)}${why === '' ? '' : ` · ${why}`}`;
      return { task, text, isBad: data.to === 'failed' };
    }
    case 'node_log': {
      const isBad = data.level === 'error' || data.level === 'critical';
      return { task, text: `${levelName(words, word(data.level))}: ${word(data.message)}`, isBad };
    }
    case 'coordination_update': {
      const names = Object.keys(isObject(data.agents) ? data.agents : {});
      const count = words._n('%2 agent', '%2 agents', names.length, formatCount(names.length));
      const some = names.slice(0, 6).map(seenLine);
      return { task, text: listed(words, [count, ...some]), isBad: false };
    }
    case 'mission_snapshot':
      return { task, text: word(data.name ?? data.snapshot_id), isBad: false };
    case 'orchestrator_error':
      return { task, text: word(data.error), isBad: true };
    case 'events_dropped':
      return { task, text: typeof data.count === 'number' ? formatCount(data.count) : '', isBad: true };
    default:
      return { task, text: short(data), isBad: false };
  }
}

/** `status running, progress 0.4, metrics …`: values where they are small. */
function changes(words: Words, patch: unknown): Omit<Described, 'task'> {
  if (!isObject(patch)) {
    return { text: words.__('removed'), isBad: false };
  }
  const parts = Object.entries(patch)
    .filter(([key]) => key !== 'parent_id' && key !== 'node_id')
    .slice(0, 12)
    .map(([key, value]) => {
      const name = seenLine(key);
      if (key === 'status' && typeof value === 'string') {
        return `→ ${statusName(words, value)}`;
      }
      if (key === 'error' && isObject(value)) {
        return [value.type, value.message]
          .filter(each => typeof each === 'string')
          .map(each => seenLine(each))
          .join(': ');
      }
      if ((key === 'metrics' || key === 'params') && isObject(value)) {
        return pairs(value);
      }
      const isSmall = typeof value === 'number' || (typeof value === 'string' && value.length <= 80);
      return isSmall
        ? `${name} ${seenLine(String(value))}`
        : value === null
          ? `${name} ∅`
          : `${name} ${short(value)}`;
    });
  return { text: listed(words, parts), isBad: patch.status === 'failed' };
}

/** `loss 0.51 auc 0.9`: the first few. */
function pairs(values: Record<string, unknown>): string {
  const all = Object.entries(values);
  const some = all
    .slice(0, 4)
    .map(([key, value]) => `${seenLine(key)} ${typeof value === 'string' ? seenLine(value) : short(value)}`);
  return `${some.join(' ')}${all.length > some.length ? ' …' : ''}`;
}

function short(value: unknown): string {
  const text = (JSON.stringify(value) as string | undefined) ?? '';
  return seenLine(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
