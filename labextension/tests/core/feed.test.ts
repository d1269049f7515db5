import { beforeEach, describe, expect, it } from 'vitest';
import { EventSearch } from '../../src/core/event-search.js';
import { EventFeed } from '../../src/core/feed.js';
import type { EventQuery } from '../../src/core/history.js';
import { Measuring } from '../../src/core/measuring.js';
import { parseQuery } from '../../src/core/query.js';
import { EventStream } from '../../src/core/stream.js';
import { wants } from '../../src/core/wanted.js';
import { StoryHistory } from '../view/history.js';
import { Story } from '../view/story.js';
import { World } from './world.js';

let story: Story;
let history: StoryHistory;
let stream: EventStream;
let told: number;

beforeEach(() => {
  story = new Story();
  history = new StoryHistory(story);
  stream = new EventStream();
  told = 0;
});

const turns = async (count = 40) => {
  for (let turn = 0; turn < count; turn += 1) {
    await Promise.resolve();
  }
};

function log(count: number, nodeId = 'a'): void {
  for (let i = 0; i < count; i += 1) {
    story.event('node_log', { node_id: nodeId, level: 'info', message: String(i) });
  }
}

/** What was told since passes by. */
function pass(): void {
  stream.tell(story.events.slice(told));
  told = story.events.length;
}

function feedOf(query: EventQuery = {}, own: StoryHistory | null = history): EventFeed {
  told = story.events.length;
  const matches = wants(query, () => story.tree);
  return new EventFeed({ projectId: 'p', history: own, stream, query, matches }, new World());
}

const offsets = (feed: EventFeed) => feed.events.map(({ offset }) => offset);
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('A feed', () => {
  it('takes of what the server answers and of what passes by only what is looked for', async () => {
    story.task('a', null, { agent: 'w' }).task('b', null);
    log(3, 'a');
    log(3, 'b');
    told = story.events.length;
    const search = new EventSearch(parseQuery('-agent:w 1')!, story.tree);
    const source = { projectId: 'p', history, stream, query: {}, matches: () => true, search };
    const feed = new EventFeed(source, new World());
    feed.open();
    await turns();
    expect(history.asked[0]?.query).toMatchObject({ contains: '1' });
    expect(offsets(feed)).toEqual([7]);
    log(2, 'a');
    log(2, 'b');
    pass();
    expect(offsets(feed)).toEqual([7, 12]);
  });

  it('asks nothing of the server where nothing can match, and goes on with what happens', async () => {
    const search = new EventSearch(parseQuery('agent:w')!, story.tree);
    const source = { projectId: 'p', history, stream, query: {}, matches: () => true, search };
    const feed = new EventFeed(source, new World());
    feed.open();
    await turns();
    expect(history.asked).toEqual([]);
    expect(feed.older).toBe('end');
    story.task('a', null, { agent: 'w' });
    pass();
    expect(offsets(feed)).toEqual([1]);
  });

  it('goes back page by page to the first event, while it goes on at the other end', async () => {
    log(450);
    const feed = feedOf();
    feed.open();
    await turns();
    expect(offsets(feed)).toEqual(upTo(450, 251));
    log(2);
    pass();
    feed.loadOlder();
    await turns();
    feed.loadOlder();
    await turns();
    expect(offsets(feed)).toEqual(upTo(452));
    expect([feed.older, feed.reach]).toEqual(['end', 0]);
  });

  it('has each event once, whenever it passes by while the server answers', async () => {
    for (let late = 0; late < 12; late += 1) {
      story = new Story();
      history = new StoryHistory(story);
      stream = new EventStream();
      log(300);
      const feed = feedOf();
      const close = feed.open();
      for (let turn = 0; turn < 14; turn += 1) {
        if (turn === late) {
          log(3);
          pass();
        }
        if (turn === late + 1) {
          log(1);
          pass();
        }
        await Promise.resolve();
      }
      await turns();
      feed.loadOlder();
      await turns();
      expect(offsets(feed)).toEqual(upTo(304));
      close();
    }
  });

  it('looks further back by itself where nothing matched, and then waits to be asked', async () => {
    story.task('needle', null);
    log(2_500);
    history.scanned = 100;
    const feed = feedOf({ nodeIds: ['needle'] });
    feed.open();
    await turns(100);
    expect([feed.events.length, feed.older, history.asked.length]).toEqual([0, 'idle', 10]);
    expect(feed.reach).toBe(1_502);
    for (let turn = 0; turn < 2; turn += 1) {
      feed.loadOlder();
      await turns(100);
    }
    expect([offsets(feed), feed.older]).toEqual([[1], 'end']);
  });

  it('held, leaves what is shown as it is, and says how many wait', async () => {
    log(5);
    const feed = feedOf();
    feed.open();
    await turns();
    feed.hold();
    log(3);
    pass();
    expect([feed.events.length, feed.waiting]).toEqual([5, 3]);
    feed.release();
    expect([offsets(feed), feed.waiting]).toEqual([upTo(8), 0]);
  });

  it('held over more than it can keep, or over a break, reads again when it is let go', async () => {
    log(5);
    const feed = feedOf();
    feed.open();
    await turns();
    feed.hold();
    log(6_000);
    pass();
    stream.broke();
    expect([feed.events.length, feed.waiting]).toEqual([5, 6_000]);
    feed.release();
    await turns();
    expect(offsets(feed)).toEqual(upTo(6_005, 5_806));
  });

  it('reads again where something may be missing', async () => {
    log(5);
    const feed = feedOf();
    feed.open();
    await turns();
    log(5);
    told = story.events.length;
    stream.broke();
    await turns();
    expect(offsets(feed)).toEqual(upTo(10));
  });

  it('is bounded: what it lets go at the far end can be had again', async () => {
    log(10);
    const feed = feedOf();
    feed.open();
    await turns();
    log(6_000);
    pass();
    expect(offsets(feed)).toEqual(upTo(6_010, 1_011));
    feed.loadOlder();
    await turns();
    expect(offsets(feed)[0]).toBe(811);
  });

  it('says what went wrong, keeps what it has, and tries again when asked', async () => {
    log(300);
    const feed = feedOf();
    feed.open();
    await turns();
    history.isFailing = true;
    feed.loadOlder();
    await turns();
    expect([feed.older, feed.events.length]).toEqual(['failed', 200]);
    expect(feed.error).toMatch(/doesn’t answer/);
    history.isFailing = false;
    feed.loadOlder();
    await turns();
    expect([feed.older, feed.error, feed.events.length]).toEqual(['end', null, 300]);
  });

  it('without a server is what passes by', () => {
    log(5);
    const feed = feedOf({ nodeIds: ['a'] }, null);
    feed.open();
    log(2);
    log(1, 'b');
    pass();
    expect([offsets(feed), feed.older]).toEqual([[6, 7], 'end']);
  });

  it('closed, hears nothing more, and opened again begins anew', async () => {
    log(3);
    const feed = feedOf();
    const close = feed.open();
    await turns();
    close();
    log(2);
    pass();
    expect(feed.events.length).toBe(3);
    feed.open();
    await turns();
    expect(offsets(feed)).toEqual(upTo(5));
  });
});

it.each<[EventQuery, number[]]>([
  [{ types: ['node_log'] }, [4, 5]],
  [{ nodeIds: ['run/1'] }, [2, 3, 4, 5, 6]],
  [{ nodeIds: ['run'], below: true }, [1, 2, 3, 4, 5, 6]],
  [{ nodeIds: ['run'] }, [1]],
  [{ contains: 'ROOM' }, [5]],
  [{ contains: 'max_depth' }, [2]],
  [{ contains: '12' }, [2]],
  [{ contains: 'true' }, [8]],
  [{ contains: 'offset' }, []],
  [{ types: ['node_log'], level: 'warning' }, [5]],
  [{ nodeIds: ['run/1'], level: 'error' }, [2, 3, 5, 6]]
])('An event that passes by is wanted as the server says of those in the log: %j', (query, wanted) => {
  story
    .node('run', { title: 'Run', status: 'running' })
    .node('run/1', { parent_id: 'run', title: 'Say "hi"', params: { max_depth: 12 } })
    .event('task_status_changed', { task_id: 'run/1', status: 'running' })
    .event('node_log', { node_id: 'run/1', level: 'info', message: 'Straße' })
    .event('node_log', { node_id: 'run/1', level: 'error', message: 'no room' })
    .event('state_transition', { to: 'completed', context: { node_id: 'run/1' } })
    .node('other', { title: 'Other', dependencies: ['run/1'] })
    .event('own.kind', { node_id: 'other', deep: [{ KEY: true }] });
  const matches = wants(query, () => story.tree);
  expect(story.events.filter(matches).map(({ offset }) => offset)).toEqual(wanted);
});

describe('What one task measured', () => {
  it('is what the server has and what passes by, once each', async () => {
    for (let i = 0; i < 20; i += 1) {
      story.node('a', { metrics: { loss: i } });
    }
    told = story.events.length;
    const measuring = new Measuring('p', 'a', history, stream, new World());
    measuring.open();
    story.node('a', { metrics: { loss: 20 } });
    pass();
    await turns();
    story.node('a', { metrics: { loss: 21 } }).node('b', { metrics: { loss: 99 } });
    pass();
    expect(measuring.extent).toBe('whole');
    expect(measuring.metrics.get('loss')?.map(({ value }) => value)).toEqual(upTo(21, 0));
  });

  it('without a server is what passed by since the page looks on', () => {
    story.node('a', { metrics: { loss: 1 } });
    pass();
    const measuring = new Measuring('p', 'a', null, stream, new World());
    measuring.open();
    story.node('a', { metrics: { loss: 2 } });
    pass();
    expect(measuring.extent).toBe('recent');
    expect(measuring.metrics.get('loss')?.map(({ value }) => value)).toEqual([1, 2]);
  });

  it('says what is wrong where the server doesn’t answer, and tries again', async () => {
    story.node('a', { metrics: { loss: 1 } });
    history.isFailing = true;
    const measuring = new Measuring('p', 'a', history, stream, new World());
    measuring.open();
    await turns();
    expect([measuring.extent, measuring.error]).toEqual(['failed', 'The Jupyter server doesn’t answer.']);
    history.isFailing = false;
    await measuring.load();
    expect(measuring.extent).toBe('whole');
  });
});
