/**
 * What somebody looks for among tasks: words, and fields of theirs.
 *
 * All terms must hold. `status:failed`, `agent:worker-1`, `tag:slow`, `kind:fit`, `id:run/7`; `status:failed,running` takes either, `agent:worker-*`
 * what begins so. `status:stale` is what runs without its process being heard. `param:max_depth=9`, `metric:auc>0.9` compare (`=`, `!=`, `<`, `<=`, `>`,
 * `>=`), `param:imputer` asks whether there is one, `param:model.depth=9` looks into it. Words are looked for as they stand, together, in the title, the
 * message, the error and the tags; those in quotes for themselves. `-` before a term turns it round.
 */
import { comparing, isAmong, tagsOf } from './comparison.js';
import { NOTHING_STALE, type StaleTasks } from './presence.js';
import type { TreeNode } from './reader.js';
import { parseStatus, STATUS_WORDS } from './status.js';

export type Field = 'status' | 'agent' | 'tag' | 'kind' | 'id' | 'param' | 'metric';

/** `states`: the words for how a task stands; it may be more than one. */
type Test = (node: TreeNode, states: readonly string[]) => boolean;

export interface Term {
  /** Null: words. */
  readonly field: Field | null;
  /** As it was typed, without quotes. */
  readonly value: string;
  /** It must not hold. */
  readonly isNot: boolean;
  /** Whether it holds, as if no `-` stood before it. */
  readonly holds: Test;
}

export interface Query {
  /** As it was typed. */
  readonly text: string;
  readonly terms: readonly Term[];
  /** Whether it depends on which tasks are stale. */
  readonly asksForStale: boolean;
  /** `states`: how the task stands, where that isn't just its status. */
  matches(node: TreeNode, states?: readonly string[]): boolean;
}

const STALE = 'stale';

/** Null for a text that asks for nothing, as one that somebody has only begun to type. `stale`: tasks whose process isn't heard. */
export function parseQuery(text: string, stale: StaleTasks = NOTHING_STALE): Query | null {
  const terms: Term[] = [];
  let phrase: string[] = [];
  const close = () => {
    if (phrase.length > 0) {
      terms.push(termOf('', null, phrase.join(' ')));
      phrase = [];
    }
  };
  for (const { minus, field, value } of joined(tokensOf(text))) {
    if (minus === '' && field === null && !value.includes('"') && value !== '-') {
      phrase.push(value);
    } else {
      close();
      const plain = value.replaceAll('"', '');
      if (plain !== '' && !(field === null && plain === '-')) {
        terms.push(termOf(minus, field, plain));
      }
    }
  }
  close();
  if (terms.length === 0) {
    return null;
  }
  const statesOf = (node: TreeNode) =>
    node.status === 'running' && stale.has(node.node_id) ? [node.status, STALE] : [node.status];
  return {
    text: text.trim(),
    terms,
    asksForStale: terms.some(({ field, value }) => field === 'status' && isForStale(value)),
    matches: (node, states = statesOf(node)) => terms.every(term => term.holds(node, states) !== term.isNot)
  };
}

/** Whether `status:` asks for what is stale, perhaps among others. */
export function isForStale(value: string): boolean {
  return wordsIn(value).some(word => STALE.startsWith(word));
}

/** The words that an event may say for what `status:` asks for. */
export function spellingsOf(value: string): string[] {
  const wanted = wordsIn(value);
  return STATUS_WORDS.filter(word =>
    wanted.some(each => word.startsWith(each) || parseStatus(word)?.startsWith(each))
  );
}

interface Token {
  minus: string;
  field: Field | null;
  value: string;
}

/** An optional minus, an optional field, then a value that may be quoted, also one that isn't closed yet. */
const TOKEN = /(?<minus>-?)(?:(?<field>[a-z]+):)?(?<value>(?:"[^"]*"?|[^\s"])*)/gi;

function* tokensOf(text: string): Generator<Token> {
  for (const { 0: whole, groups = {} } of text.matchAll(TOKEN)) {
    const { minus = '', field, value = '' } = groups;
    const name = field?.toLowerCase();
    if (isField(name)) {
      yield { minus, field: name, value };
    } else if (whole === '-') {
      yield { minus: '', field: null, value: whole };
    } else if (whole !== '') {
      yield { minus, field: null, value: whole.slice(minus.length) };
    }
  }
}

const ONLY_BEGUN = /^[^=<>!"]+(?:!=|<=|>=|=|<|>)$/;
const NO_OPERATOR = /^[^=<>!"]+$/;
const OPERATOR_FIRST = /^(?:!=|<=|>=|=|<|>)/;

/** `param:a = 9` is `param:a=9`. */
function* joined(tokens: Iterable<Token>): Generator<Token> {
  let before = null as Token | null;
  for (const token of tokens) {
    const isPlain = token.field === null && token.minus === '';
    const isNumber = token.field === null && /^[.\d]|^Infinity$/i.test(token.value);
    if (before && isPlain && NO_OPERATOR.test(before.value) && OPERATOR_FIRST.test(token.value)) {
      before = { ...before, value: before.value + token.value };
    } else if (before && (isPlain || isNumber) && ONLY_BEGUN.test(before.value)) {
      before = { ...before, value: before.value + token.minus + token.value };
    } else {
      if (before) {
        yield before;
      }
      before = null;
      if (token.field === 'param' || token.field === 'metric') {
        before = token;
      } else {
        yield token;
      }
    }
  }
  if (before) {
    yield before;
  }
}

// A map, since it is asked for whatever somebody types: `constructor` is no field.
const FIELDS = new Map<Field, (value: string) => Test>([
  [
    'status',
    value => {
      // While a word is being typed, what begins like it.
      const wanted = wordsIn(value);
      return (_, states) => wanted.some(word => states.some(state => state.toLowerCase().startsWith(word)));
    }
  ],
  ['agent', value => isAmong(value, node => [node.agent])],
  ['tag', value => isAmong(value, tagsOf)],
  ['kind', value => isAmong(value, node => [node.kind])],
  ['id', value => isAmong(value, node => [node.node_id])],
  ['param', value => comparing(value, node => node.params)],
  ['metric', value => comparing(value, node => node.metrics)]
]);

function isField(name: string | undefined): name is Field {
  return FIELDS.has(name as Field);
}

function termOf(minus: string, field: Field | null, value: string): Term {
  const test = field === null ? undefined : FIELDS.get(field)?.(value);
  return { field, value, isNot: minus === '-', holds: test ?? contains(value) };
}

function wordsIn(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .filter(word => word !== '')
    .map(word => parseStatus(word) ?? word);
}

function isNamed({ title }: TreeNode): boolean {
  return title !== undefined && title !== '';
}

/** A task that nobody named goes by its id. */
function contains(phrase: string): Test {
  const wanted = phrase.toLowerCase();
  // A stored tree may hold anything.
  const has = (text: unknown) => typeof text === 'string' && text.toLowerCase().includes(wanted);
  return node => {
    const { type, message } = node.error ?? {};
    return (
      has(isNamed(node) ? node.title : node.node_id) ||
      has(node.message) ||
      has(message) ||
      has(type) ||
      // As it is shown.
      (typeof type === 'string' && typeof message === 'string' && has(`${type}: ${message}`)) ||
      tagsOf(node).some(has)
    );
  };
}
