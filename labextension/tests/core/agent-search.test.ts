// Agents are looked for by the same words and fields as tasks.
import { expect, test } from 'vitest';
import { fieldsOfTasks, isLookedFor } from '../../src/core/agent-search.js';
import { surveyed, type AgentRow } from '../../src/core/agents.js';
import { parseQuery } from '../../src/core/query.js';
import { Story } from '../view/story.js';

function team(): { story: Story; rows: AgentRow[] } {
  const story = new Story().task('run', null, { status: 'running' });
  story.task('a', 'run', { title: 'read', status: 'running', agent: 'worker-1', tags: ['slow'] });
  story.task('b', 'run', { title: 'write', status: 'failed', agent: 'worker-2', params: { depth: 3 } });
  story.task('c', 'run', { status: 'completed', agent: 'Worker-3' });
  story.event('coordination_update', {
    agents: {
      planner: { status: 'thinking', task: 'what next', tags: ['lead'] },
      'night shift': { status: 'idle' }
    }
  });
  const work = surveyed(story.tree, story.tree.roots);
  let step = work.next();
  while (!step.done) {
    step = work.next();
  }
  return { story, rows: step.value };
}

test.each<[string, string[]]>([
  ['agent:worker-1', ['worker-1']],
  ['agent:worker-*', ['worker-1', 'worker-2', 'Worker-3']],
  ['agent:worker-1,worker-2', ['worker-1', 'worker-2']],
  ['-agent:worker-*', ['night shift', 'planner']],
  ['agent:"night shift"', ['night shift']],
  ['worker', ['worker-1', 'worker-2', 'Worker-3']],
  ['read', ['worker-1']],
  ['what next', ['planner']],
  ['status:running', ['planner', 'worker-1']],
  ['status:thinking', ['planner']],
  ['status:idle', ['night shift']],
  ['status:failed', ['worker-2']],
  ['-status:failed agent:worker-*', ['worker-1', 'Worker-3']],
  ['status:stale', ['worker-1']],
  ['tag:slow,lead', ['planner', 'worker-1']],
  ['id:a', ['worker-1']],
  // Nobody is at it any more.
  ['param:depth=3', []],
  ['constructor:x', []]
])('%s finds %j', (text, names) => {
  const { story, rows } = team();
  const query = parseQuery(text)!;
  const found = rows.filter(row => isLookedFor(story.tree, row, query, row.current === 'a'));
  expect(found.map(({ name }) => name)).toEqual(names);
});

test('fields that ask for the task that an agent is at are known', () => {
  expect(fieldsOfTasks(parseQuery('x param:a=1 status:failed -param:b agent:w tag:c')!)).toEqual([
    'param:',
    'tag:'
  ]);
});
