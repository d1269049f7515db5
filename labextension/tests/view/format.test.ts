// How durations are written: tests/display/test_format.py reads the same file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatElapsed } from '../../src/view/format.js';

const file = join(import.meta.dirname, '../../../tests/vectors/written/durations.json');
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: [number, string][] };

describe('a duration', () => {
  test.each(cases)('is rounded: %i µs', (microseconds, written) => {
    expect(formatElapsed(microseconds)).toBe(written);
  });

  test.each([
    [999_999, '0 s'],
    [59_999_999, '59 s'],
    [119_600_000, '1:59'],
    [3_599_999_999, '59:59'],
    [86_399_999_999, '23:59:59']
  ])('that goes on has only the seconds that are over: %i µs', (microseconds, written) => {
    expect(formatElapsed(microseconds, true)).toBe(written.replace(' s', '\u202fs'));
  });
});
