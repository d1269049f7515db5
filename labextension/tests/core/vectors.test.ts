import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { checkData } from '../../src/core/shape.js';
import { TaskTree } from '../../src/core/tree.js';
import { canonical, reload, whole } from './naive.js';

const folder = new URL('../../../tests/vectors/', import.meta.url);
const files = readdirSync(folder).filter(name => name.endsWith('.json') && name !== 'shape.json');

interface Case {
  name: string;
  events: object[];
  state: object;
  nodes: object[];
}

interface ShapeCase {
  type: string;
  data: unknown;
  ok: boolean;
  field?: string;
  reason?: string;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
}

function fold(tree: TaskTree, events: readonly object[]): TaskTree {
  events.forEach(event => tree.apply(event));
  return tree;
}

it('there are vectors', () => {
  expect(files.length).toBeGreaterThan(10);
});

describe.each(files)('%s', file => {
  it.each((read(file) as Case[]).map(one => [one.name, one] as const))(
    '%s',
    (_name, { events, state, nodes }) => {
      const expected = canonical({ state, nodes });
      expect(canonical(whole(fold(new TaskTree(), events)))).toBe(expected);
      for (let cut = 0; cut <= events.length; cut++) {
        const loaded = reload(fold(new TaskTree(), events.slice(0, cut)));
        expect(canonical(whole(fold(loaded, events.slice(cut)))), `cut after ${cut}`).toBe(expected);
      }
    }
  );
});

describe('shape.json', () => {
  const cases = read('shape.json') as ShapeCase[];
  it.each(cases.map(one => [one.type, JSON.stringify(one.data).slice(0, 120), one] as const))(
    '%s %s',
    (_type, _data, { type, data, ok, field, reason }) => {
      const problem = checkData(type, data);
      expect(problem === null).toBe(ok);
      if (field !== undefined) {
        expect(problem?.field).toBe(field);
      }
      if (reason !== undefined) {
        expect(problem?.reason).toBe(reason);
      }
    }
  );
});
