// A search in the log: what is asked of the server is never less than what the page would take, and seldom much more.
import { describe, expect, test } from 'vitest';
import { EventSearch } from '../../src/core/event-search.js';
import type { EventQuery } from '../../src/core/history.js';
import { parseQuery } from '../../src/core/query.js';
import { wants } from '../../src/core/wanted.js';
import { Story } from '../view/story.js';

const searchOf = (story: Story, text: string) => new EventSearch(parseQuery(text)!, story.tree);

const found = (story: Story, text: string) =>
  story.events.filter(searchOf(story, text).matches).map(({ offset }) => offset);

/** 1–9: a run with two tasks of two agents, in words old and new. */
function aStory(): Story {
  const story = new Story().task('run', null, { title: 'Run', status: 'running' });
  story.task('a', 'run', {
    title: 'fit 1',
    agent: 'worker-1',
    tags: ['slow'],
    params: { model: { depth: 9 } }
  });
  story.task('b', 'run', { title: 'fit 2', agent: 'worker-2' });
  story.event('task_status_changed', { task_id: 'a', status: 'in_progress' });
  story.event('state_transition', { from: 'draft', to: 'running', context: { node_id: 'b' } });
  story.event('node_log', { node_id: 'a', level: 'warning', message: 'it failed once: did not converge' });
  story.node('a', { status: 'failed', error: { type: 'ValueError', message: 'no' } });
  story.event('task_status_changed', { task_id: 'b', status: 'merged' });
  return story.event('orchestrator_stopped', { status: 'stopped' });
}

describe('A search in the log', () => {
  test.each<[string, number[]]>([
    ['status:failed', [7]],
    ['status:fail', [7]],
    ['status:running', [1, 4, 5]],
    ['status:in_progress', [1, 4, 5]],
    ['status:completed', [8]],
    ['status:failed,completed', [7, 8]],
    ['-status:running', [2, 3, 6, 7, 8, 9]],
    ['agent:worker-1', [2, 4, 6, 7]],
    ['agent:worker-*', [2, 3, 4, 5, 6, 7, 8]],
    ['-agent:worker-*', [1, 9]],
    ['agent:worker-1,worker-2 status:running', [4, 5]],
    ['tag:slow failed', [6, 7]],
    ['param:model.depth=9 -failed', [2, 4]],
    ['id:b', [3, 5, 8]],
    ['"did not" warning', [6]],
    ['status:stale', []],
    ['constructor:x', []]
  ])('finds by %s what is meant', (text, offsets) => {
    expect(found(aStory(), text)).toEqual(offsets);
  });

  test.each<[string, EventQuery | null]>([
    ['converge', { types: [], contains: 'converge' }],
    [
      'status:failed',
      { types: ['node_update', 'task_status_changed', 'state_transition'], contains: 'failed' }
    ],
    // An older event may say it in another word.
    ['status:running', { types: ['node_update', 'task_status_changed', 'state_transition'], contains: '' }],
    ['agent:worker-1', { types: [], contains: '', nodeIds: ['a'], below: false }],
    ['-agent:worker-1', { types: [], contains: '' }],
    ['agent:nobody', null],
    ['status:stale', null]
  ])('asks the server of %s for as little as it can', (text, query) => {
    expect(searchOf(aStory(), text).narrow({})).toEqual(query);
  });

  test('asks for nothing where the events that are chosen say no status', () => {
    expect(searchOf(aStory(), 'status:failed').narrow({ types: ['node_log'] })).toBeNull();
  });

  test('doesn’t name more tasks than a question holds', () => {
    const story = new Story().task('run', null);
    for (let i = 0; i < 60; i += 1) {
      story.task(`t${i}`, 'run', { agent: 'w' });
    }
    expect(searchOf(story, 'agent:w').narrow({ nodeIds: ['run'], below: true })).toEqual({
      ...{ types: [], contains: '', nodeIds: ['run'], below: true }
    });
  });

  test('asks for no less than it takes, whatever is looked for and where', () => {
    const story = aStory();
    const terms = ['status:running', 'status:failed', 'agent:worker-1', 'tag:slow', 'failed', 'a', 'id:run'];
    const scopes: EventQuery[] = [
      {},
      { nodeIds: ['run'], below: true },
      { nodeIds: ['a'], below: true },
      { types: ['node_update'] }
    ];
    const all = terms.flatMap(one => terms.flatMap(other => [`${one} ${other}`, `-${one} ${other}`, one]));
    for (const text of new Set(all)) {
      const search = searchOf(story, text);
      for (const scope of scopes) {
        const wanted = story.events.filter(wants(scope, () => story.tree)).filter(search.matches);
        const asked = search.narrow(scope);
        const answered = asked ? story.events.filter(wants(asked, () => story.tree)) : [];
        expect(answered.filter(search.matches), `${text} in ${JSON.stringify(scope)}`).toEqual(wanted);
      }
    }
  });
});
