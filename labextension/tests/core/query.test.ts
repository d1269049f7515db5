// What somebody looks for is found, whatever they have typed so far.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/core/query.js';
import type { TreeNode } from '../../src/core/reader.js';

const FIT: TreeNode = {
  node_id: 'run/7',
  title: 'fit 4711',
  status: 'failed',
  kind: 'fit',
  agent: 'Worker-3',
  message: 'fold 2 of 5',
  tags: ['slow', 'night run'],
  params: {
    max_depth: 9,
    imputer: 'median',
    scale: true,
    C: 0.1,
    model: { depth: 7, head: { width: 3 } },
    'a.b': { c: 1 }
  },
  metrics: { auc: 0.93, loss: 'NaN', bound: 'Infinity' },
  error: { type: 'ValueError', message: 'Input X contains NaN.' }
};

function finds(text: string, node: Partial<TreeNode> = FIT): boolean {
  return parseQuery(text)?.matches({ node_id: 'n', status: 'draft', ...node }) ?? true;
}

describe('a query', () => {
  test.each([
    'fit',
    'FIT 47',
    '4711',
    'valueerror',
    'contains',
    '"contains nan"',
    '"fold 2',
    'fold 2',
    '"fit" "fold"',
    'fit kind:fit fold',
    'night',
    'status:failed',
    'status:FAIL',
    'status:running,failed',
    'agent:worker-3',
    'agent:worker-*',
    'agent:*3',
    'tag:slow',
    'tag:"night run"',
    'kind:fit',
    'id:run/7',
    'param:max_depth=9',
    'param:max_depth=9.0',
    'param:max_depth>8 param:max_depth<=9',
    'param:imputer=Median',
    'param:imputer',
    'param:scale=true',
    'param:C=1e-1',
    'param:depth!=3',
    'param:model.depth=7',
    'param:model.head.width<4',
    'param:model.head',
    'param:a.b.c=1',
    'param:max_depth = 9',
    'param:max_depth= 9 fit',
    'param:max_depth =9 status:failed',
    'param:max_depth > -1',
    'metric:auc > 0.9',
    'param:imputer = "median" fit',
    'ValueError: Input X',
    'ValueError:',
    '-TypeError: Input',
    'metric:auc>0.9',
    'metric:bound>1e308',
    'metric:loss=nan',
    '-status:completed',
    '-agent:worker-1 fit',
    'fit status:failed agent:worker-3 tag:slow param:max_depth=9'
  ])('finds it by %s', text => {
    expect(finds(text)).toBe(true);
  });

  test.each([
    'fat',
    'fit fold',
    'worker',
    'run/7',
    'status:completed',
    'agent:worker',
    'agent:worker-*9',
    'tag:slo',
    'param:max_depth=8',
    'param:max_depth!=9',
    'param:depth=9',
    'param:depth',
    'param:model.depth=9',
    'param:model.width',
    'param:model.depth.width',
    'param:max_depth = 8',
    'param:max_depth < -1',
    'param:max_depth = 9 fat',
    'TypeError: Input X',
    'TypeError: Input',
    'fit Wrong:',
    'metric:auc<0.9',
    'metric:loss>0',
    'metric:loss<0',
    '-fit',
    '-status:failed',
    'fit status:running',
    'id:run',
    'param:toString',
    'param:__proto__'
  ])('does not find it by %s', text => {
    expect(finds(text)).toBe(false);
  });

  test.each(['', '  ', '-', '""', 'status:', 'agent: ', '-tag:'])('asks for nothing as %j', text => {
    expect(parseQuery(text)).toBeNull();
  });

  test('keeps asking for the rest while a field is being typed', () => {
    expect(finds('fit agent:')).toBe(true);
    expect(finds('fat agent:')).toBe(false);
    expect(finds('param:max_depth=')).toBe(true);
  });

  test('takes what is no field of tasks for text', () => {
    expect(finds('http://host', { message: 'see http://host/7' })).toBe(true);
    expect(finds('fold:2', { message: 'fold:2 of 5' })).toBe(true);
  });

  test('finds what runs unheard as stale, whatever else is said of it', () => {
    const node: TreeNode = { node_id: 'n', status: 'running' };
    const stale = new Map([['n', 1]]);
    for (const text of ['status:stale', 'status:sta', 'status:failed,stale', 'status:running']) {
      expect(parseQuery(text, stale)?.matches(node)).toBe(true);
    }
    expect(parseQuery('-status:stale', stale)?.matches(node)).toBe(false);
    expect(parseQuery('status:stale')?.matches(node)).toBe(false);
    expect(parseQuery('status:stale', stale)?.matches({ ...node, status: 'completed' })).toBe(false);
  });

  test.each(['status:stale', 'fit -status:s', 'status:failed,st'])('%s depends on who is heard', text => {
    expect(parseQuery(text)?.asksForStale).toBe(true);
  });

  test.each(['status:failed', 'stale', 'tag:stale'])('%s does not', text => {
    expect(parseQuery(text)?.asksForStale).toBe(false);
  });

  test('finds by its id what nobody named', () => {
    expect(finds('run/7', { node_id: 'run/7' })).toBe(true);
    expect(finds('run/7', { node_id: 'run/7', title: '' })).toBe(true);
  });

  test('older words for a status mean what they mean elsewhere', () => {
    expect(finds('status:in_progress', { status: 'running' })).toBe(true);
  });

  test('takes a value that JSON has not', () => {
    expect(finds('param:a=undefined', { params: { a: undefined } })).toBe(true);
    expect(finds('param:a=1', { params: { a: undefined } })).toBe(false);
  });

  test('never fails, whatever is typed and whatever a task holds', () => {
    const value = fc.anything();
    const name = fc.constantFrom(
      ...Object.getOwnPropertyNames(Object.prototype),
      'status',
      'param',
      'metric'
    );
    const texts = fc.tuple(name, name, fc.string()).map(([field, held, text]) => `${field}:${held}${text}`);
    fc.assert(
      fc.property(texts, value, value, value, value, (text, params, metrics, message, tags) => {
        const node = { node_id: 'n', status: 'draft', params, metrics, message, tags } as unknown as TreeNode;
        parseQuery(`param:a=1 metric:b>2 tag:c d ${text}`)?.matches(node);
        parseQuery(text)?.matches(node);
      })
    );
  });

  test.each(Object.getOwnPropertyNames(Object.prototype))('%s: is text like any other', name => {
    expect(finds(`${name}:x`)).toBe(false);
    expect(finds(`${name}:x`, { message: `see ${name}:x here` })).toBe(true);
    expect(finds(`${name}: x`, { message: `see ${name}: x here` })).toBe(true);
    expect(finds(`param:${name}`)).toBe(false);
  });

  test('a long pattern takes no long time', () => {
    expect(finds(`agent:${'*a'.repeat(2000)}`, { agent: 'a'.repeat(4000) })).toBe(true);
    expect(finds(`agent:${'*a'.repeat(2000)}b`, { agent: 'a'.repeat(4000) })).toBe(false);
  });
});
