/** A followed project over real sockets, while the log grows and everything happens to it and to the way there. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { TabHub, type Follow } from '../../src/core/hub.js';
import type { TaskTree } from '../../src/core/tree.js';
import { LogServer } from './log-server.js';
import { runs } from '../seeded.js';

let server: LogServer;
let hub: TabHub;
let follow: Follow;

async function begin(): Promise<void> {
  server = new LogServer();
  server.append(3);
  hub = new TabHub(await server.url(), {
    reconnectDelay: 1,
    maxReconnectDelay: 5,
    environment: {
      openSocket: (url, protocols) => new WebSocket(url, protocols),
      // Nothing is painted here; the timer that takes its place is slow.
      beforePaint: call => {
        const soon = setImmediate(call);
        return () => clearImmediate(soon);
      }
    }
  });
  follow = hub.follow('p');
}

async function end(): Promise<void> {
  follow.close();
  await server.close();
}

beforeEach(begin);
afterEach(end);

/** Until it stands where the log ends, and says so. */
async function caughtUp(): Promise<void> {
  await new Promise<void>(resolve => {
    const look = () => {
      if (follow.status === 'live' && follow.tree?.offset === server.offset) {
        stop();
        resolve();
      }
    };
    const stop = follow.subscribe(look);
    look();
  });
}

function moment(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/** It holds what the log says: each event counts once. */
function isWhole(): void {
  const [node] = (follow.tree as TaskTree).nodes();
  expect(node).toEqual([...server.tree.nodes()][0]);
  expect(node).toMatchObject({ log: { counts: { info: server.offset - 1 } } });
}

it('goes on exactly where it was after a cut', async () => {
  await caughtUp();
  server.cut();
  server.append(5);
  await caughtUp();
  expect(server.asked).toEqual([null, { epoch: 'e', offset: 3, at: 31 }]);
  expect(server.reasons).toEqual([]);
  isWhole();
});

it('notices a hole in what came, and has it filled', async () => {
  await caughtUp();
  server.lose();
  server.append(2);
  server.append(1);
  await caughtUp();
  expect(server.asked).toEqual([null, { epoch: 'e', offset: 3, at: 31 }]);
  isWhole();
});

it.each([
  ['trimmed', () => server.trim()],
  ['ahead', () => undefined],
  ['epoch', () => undefined]
])('takes the state as it is where the server can’t go on (%s)', async (reason, befalls) => {
  server.append(reason === 'ahead' ? 10 : 1);
  await caughtUp();
  server.cut();
  server.append(reason === 'trimmed' ? 2 : 0);
  befalls();
  if (reason !== 'trimmed') {
    server.restore();
  }
  await caughtUp();
  expect(server.reasons).toEqual([reason]);
  isWhole();
});

it('has no hole and no double whatever happens meanwhile', async () => {
  const act = fc.oneof(
    { weight: 6, arbitrary: fc.constant('append' as const) },
    { weight: 3, arbitrary: fc.constant('cut' as const) },
    { weight: 2, arbitrary: fc.constant('lose' as const) },
    { weight: 1, arbitrary: fc.constant('trim' as const) },
    { weight: 1, arbitrary: fc.constant('restore' as const) }
  );
  const acts = fc.array(fc.record({ does: act, count: fc.integer({ min: 1, max: 4 }), moments: fc.nat(6) }), {
    minLength: 10,
    maxLength: 40
  });
  await fc.assert(
    fc.asyncProperty(acts, async story => {
      await end();
      await begin();
      for (const { does, count, moments } of story) {
        if (does === 'append') {
          server.append(count);
        } else {
          server[does]();
        }
        for (let number = 0; number < moments; number++) {
          await moment();
        }
      }
      // A lost frame is noticed by the next.
      server.append(1);
      server.append(1);
      await caughtUp();
      isWhole();
    }),
    { numRuns: runs(12) }
  );
});
