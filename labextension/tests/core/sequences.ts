/** Generated logs: few ids, so that events meet, and every rule of the fold is hit. */
import fc from 'fast-check';

export interface LogEvent {
  type: string;
  data: unknown;
  timestamp: unknown;
  source: unknown;
  offset: number;
  at: number;
  [field: string]: unknown;
}

const WORDS = [
  'draft',
  'ready',
  'running',
  'review',
  'completed',
  'failed',
  'cancelled',
  'skipped',
  'unclaimed',
  'up_next',
  'in_progress',
  'merged'
];

const id = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g/1', 'g/2') },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '😀', 'x'.repeat(500)) }
);
const badId = fc.constantFrom('', 'x'.repeat(501), 'a\u0000', 'a\u0085', 7, true, null, []);
const word = fc.constantFrom(...WORDS);
const time = fc.constantFrom(
  '2026-01-31T14:02:11Z',
  '2026-01-31T14:02:11.5Z',
  '2026-01-31T15:02:11.123456+01:00',
  '2024-02-29T00:00:00Z',
  '1999-12-31T23:59:59.999999-23:59'
);
const badTime = fc.constantFrom('2026-02-29T00:00:00Z', '2026-01-31', '2026-01-31T24:00:00Z', 'soon', 5);
const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: true }).map(asJson);
const key = fc.oneof(
  fc.constantFrom('lr', 'deep', '__proto__', 'constructor', '1'),
  fc.string({ maxLength: 5 })
);
const object = fc.dictionary(key, json, { maxKeys: 4, noNullPrototype: false }).map(asJson);
const text = fc.constantFrom('', 'one', 'two', 'ünï', '__proto__');

const fields: Record<string, fc.Arbitrary<unknown>> = {
  title: text,
  kind: text,
  message: text,
  agent: text,
  trigger: text,
  reason: text,
  progress: fc.oneof(
    fc.constantFrom(0, 1, 0.5, 0.0005, 0.1234),
    fc.double({ min: 0, max: 1, noNaN: true }).map(asJson)
  ),
  expected: fc.constantFrom(0, 1, 3, 50, 1_000_000_000),
  attempt: fc.constantFrom(1, 2, 7, Number.MAX_SAFE_INTEGER),
  queued_at: time,
  created_at: time,
  started_at: time,
  ended_at: time,
  dependencies: fc.array(id, { maxLength: 3 }),
  tags: fc.array(text, { maxLength: 3 }),
  params: object,
  source: object,
  error: fc.record({ type: text, message: text, traceback: text }, { requiredKeys: [] }).map(asJson),
  links: fc.oneof(object, fc.array(json, { maxLength: 2 })),
  metrics: fc
    .dictionary(key, fc.constantFrom<unknown>(1, 0.93, null, 'NaN', 'Infinity', '-Infinity'), { maxKeys: 3 })
    .map(asJson),
  inputs: json,
  outputs: json,
  status: word,
  parent_id: id,
  unknown: json
};
const wrong: Record<string, fc.Arbitrary<unknown>> = {
  title: fc.constant(7),
  status: fc.constantFrom<unknown>('runing', 1),
  progress: fc.constantFrom<unknown>(-0.1, 1.1, '1', true),
  expected: fc.constantFrom<unknown>(-1, 0.5, 1_000_000_001, '3'),
  attempt: fc.constantFrom<unknown>(0, 1.5),
  started_at: badTime,
  dependencies: fc.constantFrom<unknown>('a', [''], [null]),
  tags: fc.constantFrom<unknown>('a', [1]),
  metrics: fc.constantFrom<unknown>({ a: 'nan' }, [], { a: [] }),
  error: fc.constantFrom<unknown>('bad', { type: 5 }),
  links: fc.constant('http://example.org'),
  parent_id: badId,
  node_id: fc.constant('another'),
  log: fc.constant({}),
  unusual: fc.constant({}),
  placeholder: fc.constant(true),
  rollup: fc.constant({})
};

function someOf(record: Record<string, fc.Arbitrary<unknown>>, most: number): fc.Arbitrary<object> {
  const one = fc
    .constantFrom(...Object.keys(record))
    .chain(name => record[name]!.map(value => [name, value] as const));
  return fc.array(one, { maxLength: most }).map(pairs => Object.fromEntries(pairs));
}

const nulls = fc
  .subarray([...Object.keys(fields), 'log', 'unusual', 'placeholder', 'rollup'])
  .map(names => Object.fromEntries(names.map(name => [name, null])));
const changes = fc.oneof(
  { weight: 8, arbitrary: someOf(fields, 4) },
  { weight: 3, arbitrary: fc.tuple(nulls, someOf(fields, 2)).map(([gone, set]) => ({ ...gone, ...set })) },
  { weight: 4, arbitrary: id.map(parent_id => ({ parent_id })) },
  {
    weight: 1,
    arbitrary: fc.tuple(someOf(fields, 2), someOf(wrong, 1)).map(([good, bad]) => ({ ...good, ...bad }))
  },
  { weight: 2, arbitrary: fc.constant(null) }
);

const context = fc.record(
  { node_id: id, trigger: fc.option(text), reason: fc.option(text), more: json },
  { requiredKeys: [] }
);

const typed: fc.Arbitrary<{ type: string; data: unknown }> = fc.oneof(
  { weight: 12, arbitrary: record('node_update', { node_id: id, changes }) },
  { weight: 5, arbitrary: record('task_status_changed', { task_id: id, status: word }) },
  {
    weight: 5,
    arbitrary: record('state_transition', { from: fc.option(fc.oneof(word, text)), to: word, context })
  },
  {
    weight: 2,
    arbitrary: record('node_log', {
      node_id: id,
      level: fc.constantFrom('debug', 'info', 'warning', 'error', 'critical'),
      message: text
    })
  },
  {
    weight: 1,
    arbitrary: record('state_transition', { to: fc.constantFrom('idle', 'x'.repeat(200), 'x'.repeat(201)) })
  },
  {
    weight: 2,
    arbitrary: record('mission_snapshot', {
      snapshot_id: id,
      timestamp: fc.option(time),
      name: fc.option(text),
      tags: fc.option(fc.array(text, { maxLength: 2 })),
      more: json
    })
  },
  {
    weight: 2,
    arbitrary: record('snapshot_update', {
      snapshot_id: id,
      changes: fc.option(
        fc.record(
          {
            name: fc.option(text),
            note: fc.option(text),
            tags: fc.option(fc.array(text, { maxLength: 2 })),
            offset: fc.constantFrom<unknown>(null, null, 5)
          },
          { requiredKeys: [] }
        )
      )
    })
  },
  {
    weight: 1,
    arbitrary: record('coordination_update', {
      agents: fc.dictionary(key, object, { maxKeys: 3 }).map(asJson),
      active_agents: fc.constantFrom<unknown>(null, 0, 3, -1)
    })
  },
  {
    weight: 1,
    arbitrary: record('orchestrator_started', {
      a2amcp_enabled: fc.constantFrom<unknown>(true, false, null, 1)
    })
  },
  { weight: 1, arbitrary: record('orchestrator_stopped', { status: fc.constantFrom('stopped', 'running') }) },
  { weight: 1, arbitrary: record('orchestrator_error', { error: fc.constantFrom<unknown>('broken', null) }) },
  {
    weight: 1,
    arbitrary: record('events_dropped', { count: fc.constantFrom(1, 20, 0, Number.MAX_SAFE_INTEGER) })
  },
  { weight: 1, arbitrary: record('custom.kind-1', { anything: json }) },
  {
    weight: 1,
    arbitrary: record('task_status_changed', { task_id: badId, status: fc.constantFrom('runing', 'ready') })
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('node_update', 'Bad Type', ''), data: json }) }
);

function record(type: string, data: Record<string, fc.Arbitrary<unknown>>) {
  return fc.record(data).map(values => ({ type, data: values }));
}

/** What a log can hold is what JSON can say: no undefined, no -0, and `__proto__` a key like others. */
function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

export const sequence: fc.Arbitrary<LogEvent[]> = fc
  .array(
    fc.tuple(
      typed,
      fc.oneof({ weight: 9, arbitrary: time }, { weight: 1, arbitrary: fc.constantFrom(5, 'soon') }),
      fc.constantFrom<unknown>('k1', 'k2', null, '__proto__', 3)
    ),
    { maxLength: 60, size: 'max' }
  )
  .map(events =>
    asJson(
      events.map(([{ type, data }, timestamp, source], index) => ({
        type,
        data,
        timestamp,
        source,
        offset: index + 1,
        at: 1_769_868_131_000_000 + index
      }))
    )
  );
