import './dom.js';
import { render } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { NOTHING_STALE } from '../../src/core/presence.js';
import { RunSummary } from '../../src/lab/run-summary.js';
import { runsOf } from '../../src/lab/runs.js';
import { FakeFollow, START, Story } from '../view/story.js';

const MINUTE = 60_000_000;

/** Runs of so many minutes, one an hour; the last one has begun two minutes ago. */
function summary(minutes: readonly [number, string][]) {
  const story = new Story();
  const at = (microseconds: number) => new Date((START + microseconds) / 1000).toISOString();
  minutes.forEach(([took, status], index) => {
    const begins = index * 60 * MINUTE;
    story.task(`run-${index + 1}`, null, { title: 'Grid search', status: 'running', started_at: at(begins) });
    if (status !== 'running') {
      story.node(`run-${index + 1}`, { status, ended_at: at(begins + took * MINUTE) });
    }
  });
  const follow = new FakeFollow();
  follow.set({ tree: story.tree, status: 'live' });
  const runs = runsOf(null, follow);
  const now = START + ((minutes.length - 1) * 60 + 2) * MINUTE;
  const page = render(
    <RunSummary tree={story.tree} runs={runs} total={runs.length} stale={NOTHING_STALE} now={now} />
  );
  return {
    text: page.container.textContent,
    picture: page.queryByRole('img')?.getAttribute('aria-label') ?? null,
    bars: [...page.container.querySelectorAll('.tt-run-bar')]
  };
}

describe('the runs before the newest one', () => {
  test('are counted, with how long they usually take', () => {
    const { text } = summary([
      [20, 'completed'],
      [3, 'failed'],
      [24, 'completed'],
      [28, 'completed'],
      [0, 'running']
    ]);
    expect(text).toContain('4 earlier runs');
    // The middle one of those that went well.
    expect(text).toContain('usually 24:00');
  });

  test('are a bar each, the oldest first, with words for who can’t see them', () => {
    const { bars, picture } = summary([
      [20, 'completed'],
      [5, 'failed'],
      [0, 'running']
    ]);
    expect(picture).toBe('How long the last runs took: run 1 20:00, run 2 5:00 failed, run 3 2:00 running');
    const height = (bar?: Element) => Number(bar?.querySelector('rect')?.getAttribute('height'));
    expect(height(bars[0])).toBeGreaterThan(2 * height(bars[1]));
    // No two kinds of them differ in colour alone.
    expect(new Set(bars.map(bar => bar.innerHTML.replace(/"[\d.]+"/g, ''))).size).toBe(3);
  });

  test('are not there before there are any, and tell nothing usual where none went well', () => {
    expect(summary([[0, 'running']]).text).toBe('');
    const { text } = summary([
      [5, 'failed'],
      [0, 'running']
    ]);
    expect(text).toContain('1 earlier run');
    expect(text).not.toContain('usually');
  });

  test('are told of by the last ten', () => {
    const many = Array.from({ length: 14 }, () => [20, 'completed'] as [number, string]);
    expect(summary(many).bars).toHaveLength(10);
  });
});
