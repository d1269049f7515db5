import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kindOf } from '../../src/core/kind.js';

const file = new URL('../../../tests/vectors/attention/kinds.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as { title: string; key: string }[];

test.each(cases)('What is alike “$title” is so in Python too', ({ title, key }) => {
  expect(kindOf(title).key).toBe(key);
});
