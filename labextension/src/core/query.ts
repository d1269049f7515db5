/**
 * What somebody looks for among tasks: words, and fields of theirs.
 *
 * All terms must hold. `status:failed`, `agent:worker-1`, `tag:slow`, `kind:fit`, `id:run/7`; `status:failed,running` takes either, `agent:worker-*`
 * what begins so. `param:max_depth=9`, `metric:auc>0.9` compare (`=`, `!=`, `<`, `<=`, `>`, `>=`), `param:imputer` asks whether there is one. Words are
 * looked for as they stand, together, in the title, the message, the error and the tags; those in quotes for themselves. `-` before a term turns it
 * round.
 */
import type { TreeNode } from './reader.js';
import { parseStatus } from './status.js';

export interface Query {
  /** As it was typed. */
  readonly text: string;
  matches(node: TreeNode): boolean;
}

type Test = (node: TreeNode) => boolean;

/** Null for a text that asks for nothing, as one that somebody has only begun to type. */
export function parseQuery(text: string): Query | null {
  const tests: Test[] = [];
  let phrase: string[] = [];
  const close = () => {
    if (phrase.length > 0) {
      tests.push(contains(phrase.join(' ')));
      phrase = [];
    }
  };
  for (const match of text.matchAll(TERM)) {
    const { begun, minus, field, value = '' } = match.groups ?? {};
    if (begun === undefined && minus === '' && field === undefined && !value.includes('"') && value !== '-') {
      phrase.push(value);
    } else {
      close();
      const test = begun === undefined ? termOf(field, value.replaceAll('"', '')) : null;
      if (test) {
        tests.push(minus === '-' ? node => !test(node) : test);
      }
    }
  }
  close();
  return tests.length === 0 ? null : { text: text.trim(), matches: node => tests.every(test => test(node)) };
}

/** An optional minus, an optional field, then a value that may be quoted, also one that isn't closed yet. */
const TERM = /-?(?<begun>[a-z]+):(?=\s|$)|(?<minus>-?)(?:(?<field>[a-z]+):)?(?<value>(?:"[^"]*"?|[^\s"])+)/gi;

function termOf(field: string | undefined, value: string): Test | null {
  if (value === '' || (field === undefined && value === '-')) {
    return null;
  }
  const test = field === undefined ? undefined : FIELDS[field.toLowerCase()]?.(value);
  return test ?? contains(field === undefined ? value : `${field}:${value}`);
}

const FIELDS: Partial<Record<string, (value: string) => Test>> = {
  status: value => {
    // While a word is being typed, what begins like it.
    const wanted = value.split(',').map(word => parseStatus(word.toLowerCase()) ?? word.toLowerCase());
    return node => wanted.some(word => word !== '' && node.status.startsWith(word));
  },
  agent: value => anyOf(value, node => [node.agent]),
  tag: value => anyOf(value, tagsOf),
  kind: value => anyOf(value, node => [node.kind]),
  id: value => anyOf(value, node => [node.node_id]),
  param: value => comparing(value, node => node.params),
  metric: value => comparing(value, node => node.metrics)
};

/** Equal, or with a `*` somewhere in it. */
function anyOf(value: string, of: (node: TreeNode) => readonly (string | undefined)[]): Test {
  const wanted = value.split(',').filter(Boolean).map(patternOf);
  return node => of(node).some(each => typeof each === 'string' && wanted.some(pattern => pattern(each)));
}

function patternOf(value: string): (text: string) => boolean {
  const wanted = value.toLowerCase();
  if (!wanted.includes('*')) {
    return text => text.toLowerCase() === wanted;
  }
  const parts = wanted.split('*');
  return text => fits(text.toLowerCase(), parts);
}

/** Whether a text begins with the first part, ends with the last, and has the others in between in their order. */
function fits(text: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) {
    return false;
  }
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) {
      return false;
    }
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

function tagsOf({ tags }: TreeNode): readonly string[] {
  return Array.isArray(tags) ? tags : [];
}

type Values = Record<string, unknown> | undefined;

function comparing(value: string, of: (node: TreeNode) => Values): Test {
  const found = /^(.*?)(!=|<=|>=|=|<|>)(.*)$/.exec(value);
  const name = found?.[1] ?? value;
  const operator = found?.[2];
  const wanted = found?.[3] ?? '';
  return node => {
    const values = of(node);
    if (!isObject(values) || !Object.hasOwn(values, name)) {
      return operator === '!=';
    }
    return operator === undefined || wanted === '' || compare(values[name], operator, wanted);
  };
}

function isObject(values: unknown): values is Record<string, unknown> {
  return typeof values === 'object' && values !== null;
}

function compare(value: unknown, operator: string, wanted: string): boolean {
  const number = numberOf(value);
  const other = numberOf(wanted);
  const areNumbers = number !== null && other !== null;
  switch (operator) {
    case '=':
      return areNumbers ? number === other : written(value) === wanted.toLowerCase();
    case '!=':
      return areNumbers ? number !== other : written(value) !== wanted.toLowerCase();
    case '<':
      return areNumbers && number < other;
    case '<=':
      return areNumbers && number <= other;
    case '>':
      return areNumbers && number > other;
    default:
      return areNumbers && number >= other;
  }
}

/** `"NaN"`, `"Infinity"` and `"-Infinity"` stand for what JSON can't say; NaN compares as nothing does. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') {
    return value;
  }
  if (typeof value !== 'string' || value.trim() === '' || value === 'NaN') {
    return null;
  }
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

function written(value: unknown): string {
  if (typeof value === 'string') {
    return value.toLowerCase();
  }
  // In a page's own tree a value may be none that JSON has.
  const json = JSON.stringify(value) as string | undefined;
  return String(json).toLowerCase();
}

function isNamed({ title }: TreeNode): boolean {
  return title !== undefined && title !== '';
}

/** A task that nobody named goes by its id. */
function contains(phrase: string): Test {
  const wanted = phrase.toLowerCase();
  // A stored tree may hold anything.
  const has = (text: unknown) => typeof text === 'string' && text.toLowerCase().includes(wanted);
  return node =>
    has(isNamed(node) ? node.title : node.node_id) ||
    has(node.message) ||
    has(node.error?.message) ||
    has(node.error?.type) ||
    tagsOf(node).some(has);
}
