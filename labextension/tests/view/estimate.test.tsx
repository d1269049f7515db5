// How long it still takes: told by one rule, wherever it is told.
import { describe, expect, test } from 'vitest';
import { leftText } from '../../src/view/tree/figures.js';
import { english } from '../../src/view/words.js';
import { show } from './page.js';
import { Story } from './story.js';

const SECOND = 1_000_000;

type Page = ReturnType<typeof show>;

const header = (page: Page) => page.container.querySelector('.tt-stat-left')?.textContent ?? null;
const row = (page: Page, title: string) => page.row(title).querySelector('.tt-message')?.textContent ?? '';
const left = (seconds: number) => leftText(english, seconds * SECOND);

/** A minute and a half ago 300 tasks were skipped, at once; since then one a second has ended, and there are 280 to go. */
function cached(parent: 'run' | 'fit'): Story {
  const start = Date.now() - 90_000;
  const story = new Story((start - 1000) * 1000);
  const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
  story.task('run', null, { status: 'running', started_at: at(70) });
  if (parent === 'fit') {
    story.task('load', 'run', { status: 'completed', started_at: at(70), ended_at: at(70) });
    story.task('fit', 'run', { status: 'running', started_at: at(70) });
  } else {
    for (const other of ['load', 'clean', 'split']) {
      story.task(other, 'run', { status: 'completed', started_at: at(70), ended_at: at(70) });
    }
  }
  for (let i = 0; i < 600; i += 1) {
    const changes =
      i < 300
        ? { status: 'skipped', ended_at: at(69) }
        : i < 320
          ? { status: 'completed', started_at: at(70 + i - 300), ended_at: at(71 + i - 300) }
          : { status: i === 320 ? 'running' : 'ready', ...(i === 320 ? { started_at: at(89) } : {}) };
    story.task(`fit/${i}`, parent, { title: `fit ${i}`, ...changes });
  }
  return story;
}

describe('what is left of many tasks', () => {
  test.each(['run', 'fit'] as const)('isn’t told by what was skipped, below %s', parent => {
    const page = show(cached(parent));
    expect(row(page, 'fit')).toContain('1.0/s');
    expect(row(page, 'fit')).toContain(left(280));
    expect(header(page)).toBe(left(280));
  });

  test('is told alike of a run and of the group that holds nearly all of it', () => {
    const story = cached('fit').task('report', 'run', {
      status: 'ready',
      dependencies: ['fit'],
      expected: 20
    });
    const page = show(story);
    expect(row(page, 'fit')).toContain(header(page));
    expect(header(page)).not.toBeNull();
  });

  test('is told of all of a run where much of it is in no group', () => {
    const page = show(cached('fit').task('report', 'run', { status: 'ready', expected: 2000 }));
    expect(row(page, 'fit')).toContain(left(280));
    expect(header(page)).not.toBe(left(280));
  });
});
