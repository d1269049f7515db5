import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TreeNode } from '../../src/core/reader.js';
import { hasReports, isSilent, reportsOf } from '../../src/core/reports.js';
import type { TreeState } from '../../src/core/state.js';
import { TaskTree } from '../../src/core/tree.js';
import { Story } from '../view/story.js';

interface Case {
  why: string;
  agent: Record<string, unknown>;
  stopped?: true;
  heard: number;
  silent_after: number | null;
}

const file = new URL('../../../tests/vectors/attention/silence.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as Case[];
const AT = Date.parse('2026-01-31T14:00:00Z') * 1000;
const SECOND = 1_000_000;

test.each(cases)('An agent is silent by what is reported of it: $why', ({ agent, stopped, ...expected }) => {
  const story = new Story(AT - SECOND).event('coordination_update', { agents: { w: agent } });
  if (stopped) {
    story.event('orchestrator_stopped', { status: 'stopped' });
  }
  const report = reportsOf(story.tree, []).get('w')!;
  const silentAfter = expected.silent_after === null ? null : expected.silent_after * SECOND;
  expect(report.heardAt).toBe(AT + expected.heard * SECOND);
  expect(report.silentAfter).toBe(silentAfter);
  const end = AT + (expected.heard + (expected.silent_after ?? 0)) * SECOND;
  expect(isSilent(report, end)).toBe(false);
  expect(isSilent(report, end + 1)).toBe(silentAfter !== null);
});

test('What an old log holds of agents in another shape is passed over, and the rest is told', () => {
  const agents = {
    sound: { active_agents: 1, agents: { w: { status: 'busy' } }, timestamp: '2026-01-31T14:00:00Z' },
    mixed: {
      active_agents: 2,
      agents: { v: { status: 5 }, none: null, word: 'busy', list: [] },
      timestamp: 7
    },
    ...{ bare: { a: 1 }, gone: { agents: null }, many: { agents: [{}] }, nothing: null, word: 'x' }
  };
  const orchestrators = { sound: null, mixed: 'stopped', bare: {} };
  const state = { ...new TaskTree().state(), agents, orchestrators, roots: ['run'] };
  const nodes = [{ node_id: 'run', status: 'running', title: 'R' }];
  const tree = TaskTree.load(state as unknown as TreeState, nodes as unknown as TreeNode[]);

  expect([...reportsOf(tree, ['run']).keys()].sort()).toEqual(['v', 'w']);
  expect(hasReports(tree, ['run'])).toBe(true);
  expect(reportsOf(tree, ['run']).get('w')!.state).toBe('busy');
});
