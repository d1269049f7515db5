import { expect, it } from 'vitest';

import { keyOf, probeUrlOf, socketUrlOf } from '../../src/core/endpoint.js';

const PAGE = 'https://hub.example.org/user/ada/lab/tree/a.ipynb?reset#x';

it.each([
  ['/user/ada/', 'wss://hub.example.org/user/ada/tasktree/ws/updates'],
  ['/user/ada', 'wss://hub.example.org/user/ada/tasktree/ws/updates'],
  ['/', 'wss://hub.example.org/tasktree/ws/updates'],
  ['http://127.0.0.1:8888/', 'ws://127.0.0.1:8888/tasktree/ws/updates'],
  ['ws://127.0.0.1:8888/', 'ws://127.0.0.1:8888/tasktree/ws/updates'],
  ['/user/%C3%A4/', 'wss://hub.example.org/user/%C3%A4/tasktree/ws/updates']
])('the socket of %s is %s', (base, socket) => {
  expect(socketUrlOf(base, PAGE)).toBe(socket);
});

it('the reason for a refusal is to be had beside the socket', () => {
  expect(probeUrlOf('wss://hub.example.org/user/ada/tasktree/ws/updates?token=t')).toBe(
    'https://hub.example.org/user/ada/tasktree/api/version?token=t'
  );
});

it('a token doesn’t make another server', () => {
  const socket = socketUrlOf('/user/ada/', PAGE);
  expect(keyOf(`${socket}?token=t`)).toBe(keyOf(socket));
  expect(keyOf(socketUrlOf('/user/bob/', PAGE))).not.toBe(keyOf(socket));
});
