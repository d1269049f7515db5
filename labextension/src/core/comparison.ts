/** How a field of a task is compared with what somebody typed. */
import type { TreeNode } from './reader.js';

type Test = (node: TreeNode) => boolean;

export function isAmong(value: string, of: (node: TreeNode) => readonly (string | undefined)[]): Test {
  const isWanted = anyOf(value);
  return node => of(node).some(each => typeof each === 'string' && isWanted(each));
}

/** Equal to one of several, or with a `*` somewhere in it. */
export function anyOf(value: string): (text: string) => boolean {
  const wanted = value.split(',').filter(Boolean).map(patternOf);
  return text => wanted.some(pattern => pattern(text));
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

export function tagsOf({ tags }: TreeNode): readonly string[] {
  return Array.isArray(tags) ? tags : [];
}

type Values = Record<string, unknown> | undefined;

export function comparing(value: string, of: (node: TreeNode) => Values): Test {
  const found = /^(.*?)(!=|<=|>=|=|<|>)(.*)$/.exec(value);
  const name = (found?.[1] ?? value).trim();
  const operator = found?.[2];
  const wanted = (found?.[3] ?? '').trim();
  return node => {
    const held = valueOf(of(node), name);
    if (held === null) {
      return operator === '!=';
    }
    return operator === undefined || wanted === '' || compare(held.value, operator, wanted);
  };
}

/** By its name, or by names inside each other with dots between, as the table writes them. Null where there is none. */
function valueOf(values: unknown, name: string): { value: unknown } | null {
  if (typeof values !== 'object' || values === null) {
    return null;
  }
  if (Object.hasOwn(values, name)) {
    return { value: (values as Record<string, unknown>)[name] };
  }
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const outer = name.slice(0, dot);
    const inner = Object.hasOwn(values, outer) ? (values as Record<string, unknown>)[outer] : undefined;
    const found = Array.isArray(inner) ? null : valueOf(inner, name.slice(dot + 1));
    if (found) {
      return found;
    }
  }
  return null;
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
