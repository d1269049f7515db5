import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Rollup } from '../../src/core/reader.js';
import { usualOf } from '../../src/core/typical.js';

const file = new URL('../../../tests/vectors/attention/sizes.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as {
  why: string;
  rollup: Rollup;
  theirs: number;
  alike: boolean;
}[];

test.each(cases)('What is of another size is no measure: $why', ({ rollup, theirs, alike }) => {
  const usual = usualOf(rollup, [{ duration: 60, total: theirs }]);
  expect(usual).toEqual(alike ? { median: 60, runs: 1 } : null);
});
