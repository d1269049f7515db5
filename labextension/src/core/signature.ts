/** What makes two failures the same one: the exception, its message without what varies, and where the user's own code stood. */
import type { TreeNode } from './reader.js';
import { placeOf, type Place } from './traceback.js';

export interface Signature {
  /** The same for all failures that are alike. */
  key: string;
  /** `ValueError: Input X contains NaN.`, as it was; empty where nothing was said. */
  text: string;
  /** The same with `…` for what varies. */
  folded: string;
  /** The innermost frame of the user's own code. */
  frame: Place | null;
}

const LONGEST = 300;
/** Of a traceback, so much of its end is looked at: that is where the error is. */
const LONGEST_TRACEBACK = 20_000;
const VARIES = '…';

/**
 * In this order. Only what Python's `re` understands likewise: `core/signature.py` has the same, and `tests/vectors/signatures` holds them
 * together.
 */
const FOLDS: readonly (readonly [RegExp, string])[] = [
  // Addresses.
  [/[A-Za-z][A-Za-z0-9+.-]{1,15}:\/\/[^\s'"<>)\]]+/g, VARIES],
  // UUIDs.
  [/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}/g, VARIES],
  // Quoted values; an apostrophe in a word opens nothing.
  [/(^|[^A-Za-z0-9_])(['"`])[^'"`]*\2(?![A-Za-z0-9_])/g, `$1$2${VARIES}$2`],
  // Paths from a root.
  [
    /(^|[^A-Za-z0-9_.…])(?:[A-Za-z]:)?[\\/](?:[A-Za-z0-9_.@%+~-]+[\\/])*[A-Za-z0-9_.@%+~-]*[A-Za-z0-9_]/g,
    `$1${VARIES}`
  ],
  // Hexadecimal ids and addresses in memory.
  [/0[xX][0-9A-Fa-f]+/g, VARIES],
  [/(^|[^A-Za-z0-9_])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}(?![A-Za-z0-9_])/g, `$1${VARIES}`],
  // Numbers, dates and times.
  [/(^|[^A-Za-z0-9_])[-+](?=[0-9])/g, '$1'],
  [/[0-9]+(?:[.,:_/-][0-9]+)*(?:[eE][-+]?[0-9]+)?/g, VARIES],
  // However many of them.
  [/…(?: ?[,;:|x×] ?…| …)+/g, VARIES]
];

/** A message with `…` for numbers, ids, quoted values, paths and addresses. */
export function foldMessage(message: string): string {
  return FOLDS.reduce((text, [pattern, by]) => text.replace(pattern, by), message);
}

const BEGINNING = 'Traceback (most recent call last):';

/** Of the last of several exceptions, the innermost frame of the user's own code. */
export function ownFrameOf(traceback: string): Place | null {
  const end = traceback.slice(-LONGEST_TRACEBACK);
  const lines = end.slice(Math.max(0, end.lastIndexOf(BEGINNING))).split('\n');
  for (let index = lines.length - 1; index >= 0; index--) {
    const frame = placeOf(lines[index] as string);
    if (frame?.isOwn) {
      return frame;
    }
  }
  return null;
}

/** `fit.py`; what a cell is called differs with each kernel, and says nothing. */
export function fileOf(frame: Place): string {
  return frame.isCell ? '' : (frame.path.split(/[\\/]/).pop() ?? frame.path);
}

function firstLineOf(text: string): string {
  const line = text.split('\n').find(each => each.trim() !== '') ?? '';
  return line.trim().slice(0, LONGEST);
}

/** `sklearn.exceptions.NotFittedError` is called `NotFittedError`. */
function shortOf(type: string): string {
  return /^[\w.]+$/.test(type) ? (type.split('.').pop() ?? type) : type;
}

/** By the error, which is another object when it changes. */
const known = new WeakMap<object, Signature>();

export function signatureOf(node: TreeNode): Signature {
  const kept = node.error && known.get(node.error);
  if (kept) {
    return kept;
  }
  const { type = '', message = node.error ? '' : (node.message ?? ''), traceback } = node.error ?? {};
  const said = firstLineOf(message);
  const folded = foldMessage(said);
  const frame = traceback ? ownFrameOf(traceback) : null;
  const where = frame ? [fileOf(frame), frame.line, frame.function] : [];
  const named = (text: string) => [shortOf(type), text].filter(Boolean).join(': ');
  const signature = {
    key: JSON.stringify([type, folded, ...where]),
    text: named(said),
    folded: named(folded),
    frame
  };
  if (node.error) {
    known.set(node.error, signature);
  }
  return signature;
}
