import { describe, expect, test } from 'vitest';
import { surveyed } from '../../src/core/agents.js';
import { attention, type AttentionItem } from '../../src/core/attention.js';
import { groupFailures, sortGroups, tellingOf } from '../../src/core/failures.js';
import { NOTHING_STALE, type StaleTasks } from '../../src/core/presence.js';
import type { TreeReader } from '../../src/core/reader.js';
import { isSilent } from '../../src/core/reports.js';
import { NOTHING_SEEN, STEP, survey, type Survey } from '../../src/core/survey.js';
import { usualDuration } from '../../src/core/typical.js';
import { Story } from '../view/story.js';

const SECOND = 1_000_000;

function whole<T>(work: Generator<undefined, T, undefined>): { value: T; steps: number } {
  let steps = 1;
  let step = work.next();
  while (!step.done) {
    steps++;
    step = work.next();
  }
  return { value: step.value, steps };
}

const see = (tree: TreeReader, now: number | null = null, before?: Survey, roots = tree.roots) =>
  whole(survey(tree, roots, now, before)).value;
const groupsOf = (tree: TreeReader) => whole(groupFailures(tree, see(tree).failed)).value;

function look(story: Story, now = story.now, stale: StaleTasks = NOTHING_STALE, roots = story.tree.roots) {
  const { tree } = story;
  const seen = see(tree, now, NOTHING_SEEN, roots);
  const failures = whole(groupFailures(tree, seen.failed)).value;
  return attention(tree, roots, seen, failures, { now, stale });
}

/** `kind id ×count` */
const brief = (items: readonly AttentionItem[]) =>
  items.map(({ kind, id, count }) => `${kind} ${id} ×${count}`);

/** A task from one moment to another, seconds after the story's start. */
function timed(
  story: Story,
  id: string,
  parent: string | null,
  from: number,
  to: number | null,
  fields = {}
): Story {
  const at = (seconds: number) => new Date((story.start + seconds * SECOND) / 1000).toISOString();
  return story.task(id, parent, {
    status: to === null ? 'running' : 'completed',
    started_at: at(from),
    ...(to === null ? {} : { ended_at: at(to) }),
    ...fields
  });
}

const error = (message: string) => ({ status: 'failed', error: { type: 'ValueError', message } });

describe('Failures', () => {
  test('are counted where they began, as the roll-ups count them', () => {
    const story = new Story();
    story.task('run', null, { status: 'failed' }).task('group', 'run', { status: 'failed' });
    story.task('a', 'group', { status: 'failed' }).task('b', 'group', { status: 'completed' });
    story.task('alone', 'run', { status: 'failed' }).task('sound', 'alone', { status: 'completed' });
    story.task('later', 'run', { status: 'failed' });
    expect(see(story.tree).failed).toEqual(['a', 'alone', 'later']);
    expect(see(story.tree).failed).toHaveLength(story.tree.rollup('run').failures);
  });

  test('that are alike are one, told as they were where all said the same', () => {
    const story = new Story().task('run', null);
    for (let i = 0; i < 212; i++) {
      story.task(`fit ${i}`, 'run', error('Input X contains NaN.'));
    }
    story.task('x', 'run', error('row 3 is bad')).task('y', 'run', error('row 4 is bad'));
    const groups = sortGroups(groupsOf(story.tree), 'count');
    expect(groups.map(({ text, ids }) => `${text} ×${ids.length}`)).toEqual([
      'ValueError: Input X contains NaN. ×212',
      'ValueError: row … is bad ×2'
    ]);
    expect(groups[0]?.ids[0]).toBe('fit 0');
    expect(groups[0]?.ids[211]).toBe('fit 211');
    expect(groups[0]?.lastAt).toBeGreaterThan(groups[0]?.firstAt ?? Infinity);
    expect(sortGroups(groups, 'newest')[0]?.ids).toEqual(['x', 'y']);
  });

  test('tell what they have in common and others have not, also where it is nothing', () => {
    const story = new Story().task('run', null);
    for (let i = 0; i < 30; i++) {
      const bad = i % 5 === 0;
      story.task(`fit ${i}`, 'run', {
        ...(bad ? error('NaN') : { status: 'completed' }),
        agent: bad ? 'worker-3' : `worker-${i % 3}`,
        params: { seed: i, data: 'all', depth: bad ? 12 : i % 7, ...(bad ? {} : { imputer: 'mean' }) }
      });
    }
    const [group] = groupsOf(story.tree);
    expect(tellingOf(story.tree, group!)).toEqual([
      { name: '', value: 'worker-3' },
      { name: 'depth', value: '12' },
      { name: 'imputer', value: null }
    ]);
  });

  test('of which there is one, or that have nothing to be compared with, tell nothing', () => {
    const story = new Story().task('run', null).task('fit 1', 'run', { ...error('x'), params: { a: 1 } });
    expect(tellingOf(story.tree, groupsOf(story.tree)[0]!)).toEqual([]);
    story.task('fit 2', 'run', { ...error('x'), params: { a: 1 } });
    expect(tellingOf(story.tree, groupsOf(story.tree)[0]!)).toEqual([]);
  });
});

describe('A look at ten thousand tasks', () => {
  test('is taken in small steps, and survives what is removed meanwhile', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 10_000; i++) {
      story.task(`f${i}`, 'run', i % 10 === 0 ? error(`row ${i}`) : { status: 'completed' });
    }
    const { value, steps } = whole(survey(story.tree, story.tree.roots, null));
    expect(value.failed).toHaveLength(1000);
    expect(steps).toBeGreaterThanOrEqual(Math.floor(10_001 / STEP));
    expect(whole(groupFailures(story.tree, value.failed)).steps).toBeGreaterThan(10);

    const work = survey(story.tree, story.tree.roots, null);
    work.next();
    story.node('run', null);
    expect(whole(work).value.failed.length).toBeLessThan(1000);
  });
});

describe('Attention', () => {
  test('goes to failures by signature, the newest first, and to the last of each', () => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('a', 'run', error('one')).task('b', 'run', error('one')).task('c', 'run', error('two'));
    expect(brief(look(story))).toEqual(['failed c ×1', 'failed b ×2']);
  });

  test('goes to what is at its third attempt, while its run goes on, as one for a group', () => {
    const story = new Story().task('run', null, { status: 'running' });
    story
      .task('a', 'run', { status: 'running', attempt: 3 })
      .task('b', 'run', { status: 'ready', attempt: 5 });
    story.task('c', 'run', { status: 'running', attempt: 2 });
    story.task('d', 'run', { status: 'completed', attempt: 9 });
    expect(brief(look(story))).toEqual(['retry b ×2']);
    story.node('run', { status: 'completed' });
    expect(look(story)).toEqual([]);
  });

  test('goes to tasks whose process isn’t heard, as one for a process, and only of the runs that are shown', () => {
    const story = new Story()
      .task('run', null, { status: 'running' })
      .task('other', null, { status: 'running' });
    story.task('a', 'run', { status: 'running' }).task('b', 'run', { status: 'running' });
    story.task('c', 'run', { status: 'ready' });
    const stale = new Map(['a', 'run', 'b', 'c', 'other'].map(id => [id, story.start]));
    expect(brief(look(story, story.now, stale, ['run']))).toEqual(['stale run ×2']);
  });

  describe('goes to silent agents', () => {
    /** A run, and agents whose last sign of life was so many seconds before now. */
    function heard(agents: Record<string, { seconds: number; [field: string]: unknown }>): Story {
      const story = new Story().task('run', null, { status: 'running' });
      for (let second = 0; second < 1000; second++) {
        story.event('other.event', {});
      }
      const told = Object.entries(agents).map(([name, { seconds, ...fields }]) => [
        name,
        { last_heartbeat: new Date((story.now - seconds * SECOND) / 1000).toISOString(), ...fields }
      ]);
      return story.event('coordination_update', { agents: Object.fromEntries(told) });
    }

    test.each<[string, Record<string, unknown>, number, boolean]>([
      ['a promise of 10 s, 29 s ago', { heartbeat_interval: 10 }, 29, false],
      ['a promise of 10 s, 31 s ago', { heartbeat_interval: 10 }, 31, true],
      ['a promise of 300 s, 800 s ago', { heartbeat_interval: 300 }, 800, false],
      ['no promise, 94 s ago', {}, 94, false],
      ['no promise, 121 s ago', {}, 121, true],
      ['idle', { status: 'idle' }, 500, false],
      ['Offline', { state: 'Offline' }, 500, false],
      ['terminated', { status: 'terminated' }, 500, false],
      ['cancelled', { status: 'cancelled' }, 500, false]
    ])('as Agents does: %s', (_, fields, seconds, silent) => {
      const story = heard({ w: { seconds, ...fields } });
      expect(brief(look(story))).toEqual(silent ? ['silent null ×1'] : []);
      const work = surveyed(story.tree, story.tree.roots);
      expect(isSilent(whole(work).value[0]!, story.now)).toBe(silent);
    });

    test('whose own tasks are no sign of life either, and leads to what it is at', () => {
      const story = new Story().task('run', null, { status: 'running' });
      const agents = { mute: {}, writes: {}, moves: {} };
      story.event('coordination_update', { agents });
      Object.keys(agents).forEach(agent => story.task(agent, 'run', { status: 'running', agent }));
      for (let second = 0; second < 119; second++) {
        story.event('other.event', {});
      }
      expect(brief(look(story))).toEqual(['silent mute ×1']);
      story.event('node_log', { node_id: 'writes', level: 'info', message: 'still here' });
      story.node('moves', { progress: 0.5 });
      for (let second = 0; second < 100; second++) {
        story.event('other.event', {});
      }
      expect(brief(look(story))).toEqual(['silent mute ×1']);
    });

    test('that say so in microseconds as in seconds', () => {
      const story = heard({});
      story.event('coordination_update', { agents: { w: { heartbeat: story.now - 10 * SECOND } } });
      expect(brief(look(story))).toEqual([]);
      expect(brief(look(story, story.now + 200 * SECOND))).toEqual(['silent null ×1']);
      story.event('coordination_update', { agents: { w: { heartbeat: (story.now - 200 * SECOND) / 1e6 } } });
      expect(brief(look(story))).toEqual(['silent null ×1']);
    });

    test('only while something runs, and only of the runs that are shown', () => {
      const story = heard({ w: { seconds: 500 } }).task('next', null, { status: 'running' });
      expect(brief(look(story, story.now, NOTHING_STALE, ['run']))).toEqual(['silent null ×1']);
      story.node('run', { status: 'completed' });
      expect(look(story, story.now, NOTHING_STALE, ['run'])).toEqual([]);
      expect(look(story, story.now, NOTHING_STALE, ['next'])).toEqual([]);
    });
  });

  test('goes to what takes far longer than others like it, and not where they are few or it is a matter of moments', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 20; i++) {
      timed(story, `fit ${i}`, 'run', i, i + 4);
      timed(story, `quick ${i}`, 'run', i, i + 0.1);
    }
    timed(story, 'fit 20', 'run', 0, null);
    timed(story, 'quick 20', 'run', 0, null);
    timed(story, 'report', 'run', 0, null);
    const at = (seconds: number) => brief(look(story, story.start + seconds * SECOND));
    expect(at(9)).toEqual([]);
    expect(at(11)).toEqual(['slow quick 20 ×1']);
    expect(at(13)).toEqual(['slow fit 20 ×1', 'slow quick 20 ×1']);
    timed(story, 'fit 21', 'run', -5, null);
    expect(at(13)).toContain('slow fit 21 ×2');
  });

  test('finds others like it as the tree groups them: by words, too, not only by numbers', () => {
    const story = new Story().task('run', null, { status: 'running' });
    const cities = ['Berlin', 'São Paulo', 'Tokyo', 'Rome', 'New York', 'Oslo', 'Lima', 'Paris', 'Quito'];
    cities.forEach((city, i) => timed(story, `scrape ${city}`, 'run', i, i + 1));
    timed(story, 'scrape Atlantis', 'run', 0, null);
    timed(story, 'index Atlantis', 'run', 0, null);
    expect(brief(look(story, story.start + 600 * SECOND))).toEqual(['slow scrape Atlantis ×1']);
  });

  test('measures by those that completed: by a retried one’s last attempt, and by none that was skipped', () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 7; i++) {
      timed(story, `fit ${i}`, 'run', i, i + 4);
      story.task(`fit skipped ${i}`, 'run', { status: 'skipped' });
    }
    timed(story, 'fit slow', 'run', 0, null);
    const later = () => brief(look(story, story.start + 600 * SECOND));
    expect(later()).toEqual([]);
    // The eighth: it hung for long, and then took moments.
    timed(story, 'fit 7', 'run', 0, 500).node('fit 7', { status: 'failed' });
    story.node('fit 7', { status: 'ready' });
    timed(story, 'fit 7', 'run', 500, 504, { attempt: 2 });
    expect(later()).toEqual(['slow fit slow ×1']);
    expect(look(story, story.start + 600 * SECOND)[0]).toMatchObject({ pace: 4 * SECOND });
  });

  test('goes to what takes far longer than in earlier runs, and to the innermost of it', () => {
    const story = new Story();
    for (const [run, took] of [1, 2, 3].map(n => [`run ${n}`, 200 + n * 10] as const)) {
      timed(story, run, null, 0, took, { title: 'nightly' });
      timed(story, `${run}/load`, run, 0, took - 20, { title: 'load' });
    }
    timed(story, 'now', null, 1000, null, { title: 'nightly' });
    timed(story, 'now/load', 'now', 1000, null, { title: 'load' });
    const at = (seconds: number) =>
      look(story, story.start + (1000 + seconds) * SECOND, NOTHING_STALE, ['now']);
    expect(at(280)).toEqual([]);
    expect(brief(at(310))).toEqual(['late now/load ×1']);
    expect(at(310)[0]).toMatchObject({ elapsed: 310 * SECOND, usual: 200 * SECOND });
  });

  test('claims nothing that only a clock decides where it isn’t known how things stand', () => {
    const story = new Story()
      .task('run', null, { status: 'running', attempt: 3 })
      .task('a', 'run', error('x'));
    const seen = see(story.tree);
    const groups = whole(groupFailures(story.tree, seen.failed)).value;
    const items = attention(story.tree, ['run'], seen, groups, { now: null, stale: new Map([['run', 1]]) });
    expect(items.map(({ kind }) => kind)).toEqual(['failed', 'retry']);
  });
});

describe('How long something usually takes', () => {
  function runs(...took: number[]): Story {
    const story = new Story();
    took.forEach((seconds, n) => {
      timed(story, `run ${n}`, null, 0, seconds, { title: 'nightly' });
      timed(story, `run ${n}/a`, `run ${n}`, 0, seconds / 10, { title: 'step' });
      timed(story, `run ${n}/b`, `run ${n}`, 0, seconds / 2, { title: 'step' });
    });
    timed(story, 'now', null, 1000, null, { title: 'nightly' });
    timed(story, 'now/a', 'now', 1000, null, { title: 'step' });
    return timed(story, 'now/b', 'now', 1000, null, { title: 'step' });
  }

  test('is the median of the earlier runs that completed it, found by the titles on its path', () => {
    const { tree } = runs(100, 300, 200);
    expect(usualDuration(tree, 'now')).toEqual({ median: 200 * SECOND, runs: 3 });
    expect(usualDuration(tree, 'now/a')).toEqual({ median: 20 * SECOND, runs: 3 });
    // The second of a name is compared with the second.
    expect(usualDuration(tree, 'now/b')).toEqual({ median: 100 * SECOND, runs: 3 });
  });

  test('isn’t known of a first run, of another name, of failures and of what isn’t there', () => {
    const story = runs();
    expect(usualDuration(story.tree, 'now')).toBeNull();
    timed(story, 'odd', null, 0, null, { title: 'another' });
    expect(usualDuration(story.tree, 'odd')).toBeNull();
    expect(usualDuration(story.tree, 'nowhere')).toBeNull();
    const failed = runs(100).node('run 0', { status: 'failed' });
    expect(usualDuration(failed.tree, 'now')).toBeNull();
  });

  test('isn’t told by runs of another size', () => {
    // Two tasks each.
    const story = runs(100, 300);
    timed(story, 'large', null, 0, 5000, { title: 'nightly' });
    for (let n = 0; n < 10; n += 1) {
      timed(story, `large/${n}`, 'large', 0, 500);
    }
    timed(story, 'as large', null, 0, null, { title: 'nightly', expected: 10 });
    expect(usualDuration(story.tree, 'as large')).toEqual({ median: 5000 * SECOND, runs: 1 });
    timed(story, 'small', null, 0, null, { title: 'nightly', expected: 3 });
    timed(story, 'small/a', 'small', 0, null);
    expect(usualDuration(story.tree, 'small')).toEqual({ median: 200 * SECOND, runs: 2 });
    // As long as nobody says how many are to come, it may become as large as any.
    timed(story, 'growing', null, 0, null, { title: 'nightly' });
    expect(usualDuration(story.tree, 'growing')).toEqual({ median: 300 * SECOND, runs: 3 });
  });

  test('is up to date when a run ends meanwhile, and when one is removed', () => {
    const story = runs(100);
    expect(usualDuration(story.tree, 'now')?.median).toBe(100 * SECOND);
    timed(story, 'late', null, 0, null, { title: 'nightly' });
    timed(story, 'newest', null, 2000, null, { title: 'nightly' });
    expect(usualDuration(story.tree, 'newest')?.runs).toBe(1);
    timed(story, 'late', null, 0, 300, { title: 'nightly' });
    expect(usualDuration(story.tree, 'newest')).toEqual({ median: 200 * SECOND, runs: 2 });
    story.node('run 0', null);
    expect(usualDuration(story.tree, 'newest')).toEqual({ median: 300 * SECOND, runs: 1 });
  });
});
