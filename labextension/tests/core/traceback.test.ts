import { expect, it } from 'vitest';
import { attemptsOf } from '../../src/core/attempts.js';
import { parseTraceback, shortFile } from '../../src/core/traceback.js';
import { Story } from '../view/story.js';

const PYTHON = `Traceback (most recent call last):
  File "/home/ada/churn/search.py", line 88, in evaluate
    scores = cross_validate(model,
                            X)
             ~~~~~~~~~~~~~~^^^
  File "/opt/conda/lib/python3.11/site-packages/sklearn/validation.py", line 411, in cross_validate
    raise ValueError("no")
  File "<frozen importlib._bootstrap>", line 1, in _load
ValueError: Input X contains NaN.
It has 3 of them.`;

it('A traceback is taken apart into frames, and knows the user’s own', () => {
  const [raised, ...more] = parseTraceback(PYTHON);
  expect(more).toEqual([]);
  expect(raised?.error).toBe('ValueError: Input X contains NaN.\nIt has 3 of them.');
  expect(raised?.frames.map(frame => [shortFile(frame), frame.line, frame.function, frame.isOwn])).toEqual([
    ['churn/search.py', 88, 'evaluate', true],
    ['sklearn/validation.py', 411, 'cross_validate', false],
    ['<frozen importlib._bootstrap>', 1, '_load', false]
  ]);
  expect(raised?.frames[0]?.code).toBe('scores = cross_validate(model,\n                        X)');
});

it('What led to what stays in its order', () => {
  const chained = `${PYTHON}

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/tmp/ipykernel_88/123.py", line 3, in <module>
    run()
RuntimeError: gave up`;
  const all = parseTraceback(chained);
  expect(all.map(({ error }) => error.split('\n')[0])).toEqual([
    'ValueError: Input X contains NaN.',
    'RuntimeError: gave up'
  ]);
  expect(all[0]?.then).toMatch(/^The above exception/);
  expect(all[1]?.frames).toMatchObject([{ line: 3, isOwn: true, code: 'run()' }]);
  expect(shortFile(all[1]!.frames[0]!)).toBe('cell');
});

it('IPython’s own way is read too', () => {
  const ipython = `---------------------------------------------------------------------------
ValueError                                Traceback (most recent call last)
Cell In[14], line 2
      1 def f():
----> 2     raise ValueError('x')

File /opt/lib/python3.11/site-packages/IPython/core/x.py:12, in run(self)
     11 a
---> 12 b

ValueError: x`;
  const [raised] = parseTraceback(ipython);
  expect(raised?.error).toBe('ValueError: x');
  expect(raised?.frames.map(({ path, line, isOwn }) => [path, line, isOwn])).toEqual([
    ['In[14]', 2, true],
    ['/opt/lib/python3.11/site-packages/IPython/core/x.py', 12, false]
  ]);
});

it('What a group of exceptions holds is left as it was written', () => {
  const group = `  + Exception Group Traceback (most recent call last):
  |   File "/home/ada/gather.py", line 7, in <module>
  |     raise ExceptionGroup("two", [ValueError(1), KeyError(2)])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | KeyError: 2
    +------------------------------------`;
  expect(parseTraceback(group)).toEqual([]);
});

it.each(['', 'what?', 'ValueError: x', '<the traceback can’t be had: KeyError>', '\n'.repeat(1000)])(
  'What is no traceback is none: %j',
  text => expect(parseTraceback(text)).toEqual([])
);

it('A long and hostile one is read in no time', () => {
  const began = performance.now();
  parseTraceback(
    `  File "${'a/'.repeat(100_000)}x.py", line 1\n${' '.repeat(100_000)}\n${'File "'.repeat(50_000)}`
  );
  expect(performance.now() - began).toBeLessThan(1000);
});

it('Attempts are made again from a task’s own events', () => {
  const story = new Story().task('run', null).task('a', 'run', { status: 'running' });
  story.node('a', { status: 'failed', error: { type: 'TimeoutError', message: 'slow' } });
  story.event('task_status_changed', { task_id: 'a', status: 'ready' });
  story.event('node_log', { node_id: 'a', level: 'info', message: 'again' });
  story.event('state_transition', { from: 'ready', to: 'running', context: { node_id: 'a' } });
  story.event('state_transition', { from: 'running', to: 'cancelled', context: { node_id: 'a' } });
  story.event('task_status_changed', { task_id: 'a', status: 'running' });
  const node = story.tree.node('a')!;

  const all = attemptsOf(node, story.events, true);
  expect(all.map(({ number, node: each }) => [number, each.status])).toEqual([
    [1, 'failed'],
    [2, 'cancelled'],
    [3, 'running']
  ]);
  expect(all[0]?.node.error?.message).toBe('slow');
  expect(all[0]!.endedAt! - all[0]!.startedAt!).toBe(1_000_000);
  // Of a part of the events only the attempts that are in it whole.
  expect(attemptsOf(node, story.events.slice(-5), false).map(({ number }) => number)).toEqual([2, 3]);
  expect(attemptsOf(node, [], false).map(({ number }) => number)).toEqual([3]);
});
