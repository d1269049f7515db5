/** What makes an event valid by its shape alone (docs/fold.md, Shape). Python's `core/shape.py` says the same. */
import { isObject, nestsDeeper, own, type JsonObject } from './json.js';
import { parseStatus } from './status.js';
import { parseTime } from './times.js';

/** Which field is wrong, and how: a short machine word. */
export interface Problem {
  field: string;
  reason: string;
}

const MAX_EXPECTED = 1_000_000_000;
const MAX_ID = 500;
const MAX_STATE_NAME = 200;
const MAX_NESTING = 64;
const LOG_LEVELS: readonly unknown[] = ['debug', 'info', 'warning', 'error', 'critical'];
const NON_FINITE: readonly unknown[] = ['NaN', 'Infinity', '-Infinity'];
const TYPE = /^[a-z][a-z0-9_.-]{0,63}$/;

type Check = (value: unknown, field: string) => Problem | null;

export function isEventType(value: unknown): value is string {
  return typeof value === 'string' && TYPE.test(value);
}

export function isInteger(value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;
}

/** What is wrong with the data of an event of this type, or null. An unknown type may carry anything. */
export function checkData(type: string, data: unknown): Problem | null {
  if (!isObject(data)) {
    return problem('data', 'type');
  }
  if (nestsDeeper(data, MAX_NESTING)) {
    return problem('data', 'too_deep');
  }
  return DATA.get(type)?.(data) ?? null;
}

/** Whether a node may have this field with this value; the fold's own fields included. */
export function isField(key: string, value: unknown): boolean {
  const check = OWN.get(key) ?? CHANGES.get(key);
  return value !== null && (check?.(value, key) ?? null) === null;
}

function problem(field: string, reason: string): Problem {
  return { field, reason };
}

/** In code points, as Python counts; a lone surrogate is one. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let index = 1; index < text.length; index++) {
    if ((text.charCodeAt(index) & 0xfc00) === 0xdc00 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800) {
      length--;
    }
  }
  return length;
}

function checkId(value: unknown, field: string): Problem | null {
  if (typeof value !== 'string') {
    return problem(field, value === null || value === undefined ? 'missing' : 'type');
  }
  if (value === '') {
    return problem(field, 'empty');
  }
  if (value.length > MAX_ID && lengthOf(value) > MAX_ID) {
    return problem(field, 'too_long');
  }
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) {
      return problem(field, 'control_character');
    }
  }
  return null;
}

const checkString: Check = (value, field) => {
  if (typeof value === 'string') {
    return null;
  }
  return problem(field, value === null || value === undefined ? 'missing' : 'type');
};

const checkStatus: Check = (value, field) => {
  if (parseStatus(value) !== undefined) {
    return null;
  }
  return checkString(value, field) ?? problem(field, 'unknown_status');
};

const checkTime: Check = (value, field) =>
  parseTime(value) === null ? problem(field, typeof value === 'string' ? 'time' : 'type') : null;

const checkObject: Check = (value, field) => (isObject(value) ? null : problem(field, 'type'));

const checkLinks: Check = (value, field) =>
  isObject(value) || Array.isArray(value) ? null : problem(field, 'type');

const integerFrom =
  (low: number, high?: number): Check =>
  (value, field) => {
    if (isInteger(value, low, high)) {
      return null;
    }
    return problem(field, typeof value === 'number' ? 'range' : 'type');
  };

const checkProgress: Check = (value, field) => {
  if (typeof value !== 'number') {
    return problem(field, 'type');
  }
  return value >= 0 && value <= 1 ? null : problem(field, 'range');
};

const arrayOf =
  (check: Check): Check =>
  (value, field) => {
    if (!Array.isArray(value)) {
      return problem(field, 'type');
    }
    return firstOf(value, (item, place) => check(item, `${field}.${place}`));
  };

const checkMetrics: Check = (value, field) => {
  if (!isObject(value)) {
    return problem(field, 'type');
  }
  return firstOf(Object.keys(value), name => {
    const metric = value[name];
    const isMetric = metric === null || Number.isFinite(metric) || NON_FINITE.includes(metric);
    return isMetric ? null : problem(`${field}.${name}`, 'type');
  });
};

const checkError: Check = (value, field) =>
  isObject(value) ? checkOptional(value, field, ERROR) : problem(field, 'type');

const checkReserved: Check = (_value, field) => problem(field, 'reserved');

function firstOf<T>(items: readonly T[], check: (item: T, place: number) => Problem | null): Problem | null {
  for (let place = 0; place < items.length; place++) {
    const found = check(items[place] as T, place);
    if (found) {
      return found;
    }
  }
  return null;
}

function checkOptional(values: JsonObject, field: string, checks: [string, Check][]): Problem | null {
  return firstOf(checks, ([name, check]) => {
    const value = values[name];
    return value === null || value === undefined ? null : check(value, `${field}.${name}`);
  });
}

const ERROR: [string, Check][] = [
  ['type', checkString],
  ['message', checkString],
  ['traceback', checkString]
];

const TRANSITION: [string, Check][] = [
  ['from', checkString],
  ['context', checkObject]
];

const CONTEXT: [string, Check][] = [
  ['trigger', checkString],
  ['reason', checkString]
];

/** What may be changed of a snapshot. */
const SNAPSHOT = new Map<string, Check>([
  ['name', checkString],
  ['note', checkString],
  ['tags', arrayOf(checkString)]
]);
export const SNAPSHOT_FIELDS: readonly string[] = [...SNAPSHOT.keys()];

const CHANGES = new Map<string, Check>([
  ['parent_id', checkId],
  ['title', checkString],
  ['kind', checkString],
  ['message', checkString],
  ['agent', checkString],
  ['trigger', checkString],
  ['reason', checkString],
  ['status', checkStatus],
  ['progress', checkProgress],
  ['expected', integerFrom(0, MAX_EXPECTED)],
  ['attempt', integerFrom(1)],
  ['queued_at', checkTime],
  ['created_at', checkTime],
  ['started_at', checkTime],
  ['ended_at', checkTime],
  ['dependencies', arrayOf(checkId)],
  ['tags', arrayOf(checkString)],
  ['params', checkObject],
  ['source', checkObject],
  ['error', checkError],
  ['links', checkLinks],
  ['metrics', checkMetrics],
  ['log', checkReserved],
  ['unusual', checkReserved],
  ['placeholder', checkReserved],
  ['rollup', checkReserved]
]);

const objectOf =
  (checks: [string, Check][]): Check =>
  (value, field) =>
    isObject(value)
      ? firstOf(checks, ([name, check]) => check(value[name], `${field}.${name}`))
      : problem(field, 'type');

/** What the fold itself gives a node. */
const OWN = new Map<string, Check>([
  ['node_id', checkId],
  ['placeholder', (value, field) => (value === true ? null : problem(field, 'type'))],
  [
    'unusual',
    objectOf([
      ['from', checkString],
      ['to', checkString],
      ['timestamp', checkString]
    ])
  ],
  [
    'log',
    objectOf([
      ['counts', checkMetrics],
      [
        'last',
        objectOf([
          ['level', checkString],
          ['message', checkString],
          ['timestamp', checkString]
        ])
      ]
    ])
  ]
]);

function checkNodeUpdate(data: JsonObject): Problem | null {
  const id = data.node_id;
  const found = checkId(id, 'data.node_id');
  if (found || data.changes === null) {
    return found;
  }
  const changes = data.changes;
  if (!isObject(changes)) {
    return problem('data.changes', changes === undefined ? 'missing' : 'type');
  }
  return firstOf(Object.keys(changes), key => {
    const value = own(changes, key);
    if (value === null) {
      return null;
    }
    if (key === 'node_id' && value !== id) {
      return problem('data.changes.node_id', 'mismatch');
    }
    return CHANGES.get(key)?.(value, `data.changes.${key}`) ?? null;
  });
}

function checkTransition(data: JsonObject): Problem | null {
  const found = checkString(data.to, 'data.to');
  if (found) {
    return found;
  }
  const length = lengthOf(data.to as string);
  if (length < 1 || length > MAX_STATE_NAME) {
    return problem('data.to', length < 1 ? 'empty' : 'too_long');
  }
  const context = isObject(data.context) ? data.context : {};
  const nodeId = context.node_id;
  return (
    checkOptional(data, 'data', TRANSITION) ??
    (nodeId === null || nodeId === undefined
      ? null
      : (checkId(nodeId, 'data.context.node_id') ??
        checkStatus(data.to, 'data.to') ??
        checkOptional(context, 'data.context', CONTEXT)))
  );
}

function checkSnapshotUpdate(data: JsonObject): Problem | null {
  const found = checkId(data.snapshot_id, 'data.snapshot_id');
  if (found || data.changes === null) {
    return found;
  }
  const changes = data.changes;
  if (!isObject(changes)) {
    return problem('data.changes', changes === undefined ? 'missing' : 'type');
  }
  return firstOf(Object.keys(changes), key => {
    const value = own(changes, key);
    return value === null ? null : (SNAPSHOT.get(key) ?? checkReserved)(value, `data.changes.${key}`);
  });
}

function checkCoordination(data: JsonObject): Problem | null {
  const agents = data.agents;
  if (!isObject(agents)) {
    return problem('data.agents', agents === null || agents === undefined ? 'missing' : 'type');
  }
  return (
    firstOf(Object.keys(agents), name => checkObject(agents[name], `data.agents.${name}`)) ??
    checkOptional(data, 'data', [['active_agents', integerFrom(0)]])
  );
}

function checkWord(status: unknown, word: string): Problem | null {
  const isIt = status === null || status === undefined || status === word;
  return isIt ? null : problem('data.status', 'unknown_status');
}

function checkStarted(data: JsonObject): Problem | null {
  const enabled = data.a2amcp_enabled;
  const isFlag = enabled === null || enabled === undefined || typeof enabled === 'boolean';
  return checkWord(data.status, 'running') ?? (isFlag ? null : problem('data.a2amcp_enabled', 'type'));
}

function checkLog(data: JsonObject): Problem | null {
  return (
    checkId(data.node_id, 'data.node_id') ??
    checkString(data.level, 'data.level') ??
    (LOG_LEVELS.includes(data.level) ? null : problem('data.level', 'unknown_level')) ??
    checkString(data.message, 'data.message')
  );
}

function checkDropped(data: JsonObject): Problem | null {
  const count = data.count;
  return count === null || count === undefined
    ? problem('data.count', 'missing')
    : integerFrom(1)(count, 'data.count');
}

const DATA = new Map<string, (data: JsonObject) => Problem | null>([
  [
    'task_status_changed',
    data => checkId(data.task_id, 'data.task_id') ?? checkStatus(data.status, 'data.status')
  ],
  ['node_update', checkNodeUpdate],
  ['state_transition', checkTransition],
  [
    'mission_snapshot',
    data =>
      checkId(data.snapshot_id, 'data.snapshot_id') ??
      checkOptional(data, 'data', [['timestamp', checkTime], ...SNAPSHOT])
  ],
  ['snapshot_update', checkSnapshotUpdate],
  ['coordination_update', checkCoordination],
  ['orchestrator_started', checkStarted],
  ['orchestrator_stopped', data => checkWord(data.status, 'stopped')],
  ['orchestrator_error', data => checkString(data.error, 'data.error')],
  ['node_log', checkLog],
  ['events_dropped', checkDropped]
]);
