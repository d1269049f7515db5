/** Which siblings are alike: those whose titles begin with the same words, up to a number or another variable end. */

import type { TreeNode } from './reader.js';

/** Titles may be long; what makes them alike is at their beginning. */
const LOOKED_AT = 120;
/** What stands between a name and what varies. */
const JOINTS = new Set([' ', '#', ':', '/', '-', '_', '.', '(', '[', '{', '=', ',', '№', '·', '|', '–', '—']);
const DIGIT = /\p{Nd}/u;
const DIGITS = /\p{Nd}+/gu;

export interface Kind {
  /** The same for all that are alike. */
  key: string;
  /** What they are called together. */
  label: string;
}

/** One rule wherever likeness counts: in the tree's groups, and where one is slower than the others. Who has no title goes by the id. */
export function kindOfNode({ node_id, title }: TreeNode): Kind {
  return kindOf(title === undefined || title === '' ? node_id : title);
}

/**
 * `fit 4711` is a `fit`, `upload shard-7` an `upload shard`, `train(depth=3)` a `train`, and `scrape Berlin` a `scrape`. A title that begins with what varies
 * (`2026-01-31 export`) is alike others of the same form.
 */
export function kindOf(title: string): Kind {
  if (last && isNext(title, last.before)) {
    return last.kind;
  }
  const text = title.length > LOOKED_AT ? title.slice(0, LOOKED_AT) : title;
  const variable = variableAt(text);
  if (variable < 0) {
    const space = text.indexOf(' ');
    return named(space > 0 ? text.slice(0, space) : text);
  }
  const before = text.slice(0, variable);
  const head = trimmed(before);
  if (head !== '') {
    const kind = named(head);
    last = { before, kind };
    return kind;
  }
  const form = text.replace(DIGITS, '#').trim();
  return { key: form, label: form.replace(/#/g, '…') };
}

// Most titles differ from the one before in a number at the end: 100 000 of them are looked at in one go.
let last: { before: string; kind: Kind } | null = null;

function isNext(title: string, before: string): boolean {
  const { length } = title;
  if (length <= before.length || length > LOOKED_AT || !title.startsWith(before)) {
    return false;
  }
  for (let index = before.length; index < length; index += 1) {
    const code = title.charCodeAt(index);
    if (code < 48 || code > 57) {
      return false;
    }
  }
  return true;
}

function named(label: string): Kind {
  return { key: label, label };
}

/** Where the variable part begins; -1 where nothing varies. */
function variableAt(text: string): number {
  let word = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index] as string;
    if (char === ' ') {
      word = index + 1;
    } else if (char === '=' || isDigit(char)) {
      const space = text.indexOf(' ', index);
      const end = space < 0 ? text.length : space;
      const at = variableIn(text.slice(word, end), index - word, end === text.length);
      if (at >= 0) {
        return word + at;
      }
      index = end - 1;
    }
  }
  return -1;
}

/** Where in a word that has a digit or `=` at `mark` the variable part begins; -1 where it is a name like `S3` or `v2`. */
function variableIn(word: string, mark: number, isLast: boolean): number {
  const bracket = word.search(/[([{]/);
  if (bracket > 0 && bracket < mark) {
    return bracket;
  }
  if (word[mark] === '=' || word.includes('://')) {
    return 0;
  }
  const before = word[mark - 1];
  if (before === undefined || JOINTS.has(before)) {
    return mark;
  }
  // `shard7`, but neither `S3 upload` nor `3fa8c1`, nor `a3f8c1`.
  const isNumbered = /^\p{Nd}+\P{L}*$/u.test(word.slice(mark)) || /[^\p{L}\p{Nd}]/u.test(word.slice(0, mark));
  return isNumbered ? (isLast ? mark : -1) : 0;
}

function isDigit(char: string): boolean {
  const code = char.charCodeAt(0);
  return code < 128 ? code >= 48 && code <= 57 : DIGIT.test(char);
}

function trimmed(head: string): string {
  let end = head.length;
  while (end > 0 && JOINTS.has(head[end - 1] as string)) {
    end -= 1;
  }
  return head.slice(0, end);
}
