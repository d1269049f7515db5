import { beforeEach, describe, expect, it } from 'vitest';
import { HistoryError, ServerHistory } from '../../src/core/history.js';
import type { Answer } from '../../src/core/environment.js';

const SOCKET = 'wss://hub.example/user/ada/tasktree/ws/updates';

let answer: Answer | null;
let asked: { url: URL; headers: Record<string, string> }[];

function historyAt(socket = SOCKET): ServerHistory {
  return new ServerHistory(
    {
      get: (url, headers = {}) => {
        asked.push({ url: new URL(url), headers });
        return Promise.resolve(answer);
      }
    },
    socket
  );
}

function event(offset: number) {
  return { type: 'own.kind', data: {}, timestamp: '2026-01-31T14:02:11Z', offset, at: offset };
}

beforeEach(() => {
  asked = [];
  answer = {
    status: 200,
    body: { project_id: 'p', epoch: 'e', events: [event(9), event(8)], next: 8, trimmed: 2 }
  };
});

describe('Events of the past', () => {
  it('are asked for where the socket’s server is, under its base URL', async () => {
    const page = await historyAt().eventsBefore('näh/1', 10, { types: ['a', 'b'], nodeIds: ['n/1'] }, 50);

    expect(page).toMatchObject({ epoch: 'e', next: 8, trimmed: 2 });
    expect(page.events.map(({ offset }) => offset)).toEqual([9, 8]);
    const { url, headers } = asked[0]!;
    expect(url.href.split('?')[0]).toBe(
      'https://hub.example/user/ada/tasktree/api/projects/n%C3%A4h%2F1/events'
    );
    expect([...url.searchParams]).toEqual([
      ['before', '10'],
      ['limit', '50'],
      ['types', 'a'],
      ['types', 'b'],
      ['node_id', 'n/1']
    ]);
    expect(headers).toEqual({});
  });

  it('need a page’s token in a header, never in the address', async () => {
    await historyAt(`${SOCKET}?token=s%2Bcret`).eventsBefore('p', null, { below: true, contains: 'x&y' }, 1);

    const { url, headers } = asked[0]!;
    expect(headers).toEqual({ Authorization: 'token s+cret' });
    expect(url.href).not.toContain('cret');
    expect(url.searchParams.get('contains')).toBe('x&y');
    expect(url.searchParams.get('before')).toBe('now');
  });

  it('leave out what is no event', async () => {
    answer = { status: 200, body: { epoch: 'e', events: [null, {}, event(3)], next: 'x', trimmed: 0 } };
    expect(await historyAt().eventsBefore('p', null, {}, 1)).toEqual({
      epoch: 'e',
      events: [event(3)],
      next: null,
      trimmed: 0
    });
  });

  it.each([
    ['no answer', null, /doesn’t answer/],
    ['a login', { status: 403, body: undefined }, /doesn’t let/],
    ['no such project', { status: 404, body: { field: 'project_id' } }, /isn’t on the Jupyter server/],
    ['an older server without it', { status: 404, body: { reason: 'no_such_path' } }, /too old/],
    ['an older server that knows no `before`', { status: 200, body: { epoch: 'e', events: [] } }, /too old/],
    ['a log that can’t be read', { status: 503, body: {} }, /can’t read/],
    ['nonsense', { status: 200, body: [] }, /can’t read/]
  ])('tell what is wrong: %s', async (_, given, message) => {
    answer = given;
    const failed = historyAt().eventsBefore('p', null, {}, 1);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(HistoryError);
  });
});

it('Series keep what is no number apart from numbers', async () => {
  const points = [[1, 0.5, 7], [2, 'NaN', null], [3, '-Infinity', null], [4, null, null], 'x'];
  answer = {
    status: 200,
    body: { epoch: 'e', next: null, series: [{ node_id: 'a', metric: 'loss', count: 4, points }, 7] }
  };

  const { series } = await historyAt().seriesOf('p', ['a', 'b'], { points: 20 });

  expect(series).toEqual([
    {
      nodeId: 'a',
      metric: 'loss',
      points: [
        { time: 1, value: 0.5, step: 7 },
        { time: 2, value: NaN, step: null },
        { time: 3, value: -Infinity, step: null },
        { time: 4, value: NaN, step: null }
      ]
    }
  ]);
  expect(asked[0]!.url.searchParams.getAll('node_id')).toEqual(['a', 'b']);
});
