import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { fileOf, foldMessage, ownFrameOf, signatureOf } from '../../src/core/signature.js';

const folder = new URL('../../../tests/vectors/signatures/', import.meta.url);
const cases = <T>(name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as T[];

describe('A message, as Python folds it', () => {
  it.each(cases<{ why: string; message: string; folded: string }>('messages'))(
    '$why',
    ({ message, folded }) => {
      expect(foldMessage(message)).toBe(folded);
    }
  );
});

describe('The user’s own line in a traceback, as Python finds it', () => {
  it.each(cases<{ why: string; traceback: string; frame: [string, number, string] | null }>('frames'))(
    '$why',
    ({ traceback, frame }) => {
      const found = ownFrameOf(traceback);
      expect(found && [fileOf(found), found.line, found.function]).toEqual(frame);
    }
  );
});

describe('A signature', () => {
  const failed = (type: string, message: string, line = 1) =>
    signatureOf({
      node_id: 'a',
      status: 'failed',
      error: {
        type,
        message,
        traceback: `Traceback (most recent call last):\n  File "fit.py", line ${line}, in fit`
      }
    });

  test('is the same where only a number differs, and another for another type or place', () => {
    const first = failed('ValueError', 'row 7 is bad');
    expect(failed('ValueError', 'row 8 is bad').key).toBe(first.key);
    expect(failed('TypeError', 'row 7 is bad').key).not.toBe(first.key);
    expect(failed('ValueError', 'row 7 is bad', 2).key).not.toBe(first.key);
  });

  test('is told by the exception’s short name and its first line', () => {
    const { text, folded } = failed('sklearn.exceptions.NotFittedError', '\n  fit it 2 times\nmore');
    expect(text).toBe('NotFittedError: fit it 2 times');
    expect(folded).toBe('NotFittedError: fit it … times');
  });

  test('of what gave no error is what it said last, and of what said nothing is empty', () => {
    expect(signatureOf({ node_id: 'a', status: 'failed', message: 'gave up' }).text).toBe('gave up');
    expect(signatureOf({ node_id: 'a', status: 'failed' }).text).toBe('');
  });
});
