import { describe, expect, it } from 'vitest';
import { hasAgents, spentByAll, surveyed, type AgentRow } from '../../src/core/agents.js';
import { isSilent } from '../../src/core/reports.js';
import { AgentSurvey } from '../../src/core/agent-survey.js';
import { START, Story } from '../view/story.js';
import { World } from './world.js';

const SECOND = 1_000_000;

function rowsOf(story: Story, roots: readonly string[] = story.tree.roots): Record<string, AgentRow> {
  const all = surveyed(story.tree, roots);
  for (;;) {
    const step = all.next();
    if (step.done) {
      return Object.fromEntries(step.value.map(row => [row.name, row]));
    }
  }
}

describe('Agents', () => {
  it('are those that tasks name and those that are reported, with what they do', () => {
    const story = new Story().task('run', null);
    story.task('a', 'run', { status: 'completed', agent: 'w1' });
    story.task('b', 'run', { status: 'failed', agent: 'w1' });
    story.task('c', 'run', { status: 'running', agent: 'w1' });
    story.task('d', 'run', { status: 'running', agent: 'w1' });
    story.event('coordination_update', { agents: { planner: { status: 'working', task: 'think' } } });

    const { w1, planner } = rowsOf(story);
    expect(w1).toMatchObject({ current: 'd', running: 2, completed: 1, failed: 1, silentAfter: null });
    expect(w1!.since).toBe(START + 5 * SECOND);
    expect(planner).toMatchObject({ state: 'working', doing: 'think', current: null });
    expect(planner!.heardAt).toBe(START + 6 * SECOND);
  });

  it.each([
    ['three of the intervals it promises', { status: 'busy', heartbeat_interval: 10 }, 31, true],
    ['less than that', { status: 'busy', heartbeat_interval: 10 }, 29, false],
    ['two minutes without a promise', { status: 'busy' }, 121, true],
    ['a minute without a promise', { status: 'busy' }, 60, false],
    ['long, but it rests', { status: 'idle', heartbeat_interval: 10 }, 10_000, false],
    ['its own heartbeat counts', { status: 'busy', last_heartbeat: '2026-01-31T13:00:00Z' }, 1, true],
    ['in seconds too', { status: 'busy', last_seen: START / 1e6 - 500 }, 1, true]
  ])('are silent after %s', (_, agent, seconds, silent) => {
    const story = new Story().event('coordination_update', { agents: { w: agent } });
    const { w } = rowsOf(story);
    expect(isSilent(w!, story.now + seconds * SECOND)).toBe(silent);
    expect(isSilent(w!, null)).toBe(false);
  });

  it('owe nothing once their orchestrator has stopped', () => {
    const story = new Story().event('coordination_update', { agents: { w: { status: 'busy' } } });
    story.event('orchestrator_stopped', { status: 'stopped' });
    expect(rowsOf(story).w!.silentAfter).toBeNull();
  });

  it('have spent what their tasks reported, each figure once, unless they say so themselves', () => {
    const story = new Story().task('run', null, { agent: 'lead' });
    story.task('a', 'run', { agent: 'w', metrics: { input_tokens: 100, output_tokens: 20, cost_usd: 0.5 } });
    story.task('a/1', 'a', { agent: 'w', metrics: { input_tokens: 70, output_tokens: 10 } });
    story.task('b', 'run', { agent: 'w', metrics: { total_tokens: 7, cost: 'NaN' } });
    story.task('c', 'run', { agent: 'other', metrics: { tokens: 5 } });
    story.event('coordination_update', { agents: { other: { tokens: 1000, cost: 2 } } });

    const rows = rowsOf(story);
    expect(rows.w!.spent).toEqual({ input: 100, output: 20, tokens: 127, cost: 0.5, currency: 'usd' });
    expect(rows.other!.spent).toEqual({ input: 0, output: 0, tokens: 1000, cost: 2, currency: null });
    expect(rows.lead!.spent).toBeNull();
    expect(spentByAll(Object.values(rows))?.tokens).toBe(1127);
    expect(spentByAll([rows.lead!])).toBeNull();
  });

  it('have spent what all their sources reported, each by its last word', () => {
    const story = new Story().task('run', null, { status: 'running' });
    const report = (source: string, tokens: number, status: string) =>
      story.event('coordination_update', { agents: { planner: { tokens, status } } }, source);
    report('k1', 900, 'working');
    report('k2', 50, 'working');
    report('k1', 1000, 'thinking');
    const rows = rowsOf(story);
    expect(rows.planner!.spent?.tokens).toBe(1050);
    expect(spentByAll(Object.values(rows))?.tokens).toBe(1050);
    // What it is at is the last word of any of them.
    expect(rows.planner!.state).toBe('thinking');
    report('k2', 70, 'waiting');
    expect(rowsOf(story).planner).toMatchObject({ state: 'waiting', spent: { tokens: 1070 } });
  });

  it('that were reported belong to the run that went on then, or had gone on last', () => {
    const story = new Story();
    const report = (name: string, source: string) =>
      story.event('coordination_update', { agents: { [name]: { status: 'working' } } }, source);
    report('early', 'a');
    story.task('one', null, { status: 'running' });
    report('planner', 'b');
    story.node('one', { status: 'completed' });
    report('last words', 'c');
    story.task('two', null, { status: 'running' });
    expect(Object.keys(rowsOf(story, ['one']))).toEqual(['early', 'last words', 'planner']);
    expect(Object.keys(rowsOf(story, ['two']))).toEqual([]);
    expect(hasAgents(story.tree, ['one'])).toBe(true);
    expect(hasAgents(story.tree, ['two'])).toBe(false);
    report('writer', 'd');
    expect(Object.keys(rowsOf(story, ['two']))).toEqual(['writer']);
    expect(hasAgents(story.tree, ['two'])).toBe(true);
  });

  it('reported of another run lend nothing to a task of the same name', () => {
    const story = new Story().task('one', null, { status: 'running' });
    story.event('coordination_update', { agents: { w: { status: 'working', tokens: 1000 } } });
    story.node('one', { status: 'completed' }).task('two', null, { status: 'running', agent: 'w' });
    expect(rowsOf(story, ['two']).w).toMatchObject({ state: null, spent: null, silentAfter: null });
  });

  it('are those of the runs that are shown', () => {
    const story = new Story().task('one', null, { agent: 'a' }).task('two', null, { agent: 'b' });
    expect(Object.keys(rowsOf(story, ['two']))).toEqual(['b']);
    expect(hasAgents(story.tree, ['one'])).toBe(true);
  });
});

it('Whether there is any is found in a large tree little by little, and in one that grows', () => {
  const story = new Story().task('run', null);
  expect(hasAgents(story.tree, ['run'])).toBe(false);
  for (let i = 0; i < 50_000; i += 1) {
    story.task(`t${i}`, 'run', i === 7 ? { agent: 'w' } : {});
  }
  let asked = 0;
  while (!hasAgents(story.tree, ['run'])) {
    asked += 1;
    expect(asked).toBeLessThan(60);
  }
  expect(asked).toBeGreaterThan(1);
});

it('They are counted anew as the tree grows, at most once a second, and closed nothing is left behind', () => {
  const world = new World();
  const story = new Story().task('run', null, { status: 'running', agent: 'w' });
  const survey = new AgentSurvey(story.tree, ['run'], world);
  const close = survey.open();
  expect(survey.rows?.map(({ name }) => name)).toEqual(['w']);
  story.task('a', 'run', { agent: 'x' }).node('run', { progress: 0.5 });
  world.pass(10);
  expect(survey.rows).toHaveLength(1);
  world.pass(1_100);
  expect(survey.rows?.map(({ name }) => name)).toEqual(['w', 'x']);
  // An event about its task is a sign of life.
  expect(survey.rows?.[0]?.heardAt).toBe(story.now);
  close();
  world.pass(5_000);
  expect(world.pending).toBe(0);
});
