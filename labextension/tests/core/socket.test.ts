/** Over real sockets, to a real server in this process. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { browser, type Environment } from '../../src/core/environment.js';
import { socketUrlOf } from '../../src/core/endpoint.js';
import type { Connection } from '../../src/core/follow.js';
import { whyRefused } from '../../src/core/probe.js';
import { WebSocketService } from '../../src/core/service.js';

const environment: Environment = {
  ...browser,
  openSocket: (url, protocols) => new WebSocket(url, protocols)
};

let http: Server;
let sockets: WebSocketServer;
let service: WebSocketService;

function baseUrl(): string {
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/user/ada/`;
}

function listen(port = 0): Promise<void> {
  http = createServer((request, response) => {
    response.statusCode = request.url === '/user/ada/tasktree/api/version' ? 403 : 404;
    response.end();
  });
  sockets = new WebSocketServer({ server: http, path: '/user/ada/tasktree/ws/updates' });
  return new Promise(resolve => http.listen(port, '127.0.0.1', resolve));
}

function stop(): Promise<void> {
  sockets.clients.forEach(client => client.terminate());
  return new Promise(resolve => http.close(() => resolve()));
}

function until(kind: Connection['kind']): Promise<Connection> {
  return new Promise(resolve => {
    const check = (state: Connection) => {
      if (state.kind === kind) {
        done();
        resolve(state);
      }
    };
    const done = service.onState(check);
    check(service.state);
  });
}

beforeEach(() => listen());

afterEach(async () => {
  service.disconnect();
  await stop();
});

it('talks both ways, and comes back when the server was started again', async () => {
  const port = (http.address() as AddressInfo).port;
  service = new WebSocketService({ url: socketUrlOf(baseUrl()), reconnectDelay: 20, environment });
  const heard: unknown[] = [];
  const twice = new Promise<void>(resolve => {
    service.subscribe(message => {
      heard.push(message);
      if (heard.length === 2) {
        resolve();
      }
    });
  });
  const answer = () =>
    sockets.on('connection', socket => {
      socket.on('message', data =>
        socket.send(JSON.stringify({ echo: JSON.parse((data as Buffer).toString()) as unknown }))
      );
    });

  answer();
  service.connect();
  await until('open');
  expect(service.send({ n: 1 })).toBe(true);
  await new Promise<void>(resolve => {
    const done = service.subscribe(() => {
      done();
      resolve();
    });
  });

  await stop();
  await until('waiting');
  expect(service.send({ n: 2 })).toBe(false);
  await listen(port);
  answer();
  await until('open');
  service.send({ n: 3 });
  await twice;
  expect(heard).toEqual([{ echo: { n: 1 } }, { echo: { n: 3 } }]);
});

it('learns over HTTP why a socket is refused', async () => {
  service = new WebSocketService({
    url: `${socketUrlOf(baseUrl())}/elsewhere`,
    whyRefused: () => whyRefused(environment, socketUrlOf(baseUrl())),
    environment
  });
  service.connect();
  expect(await until('stopped')).toMatchObject({ reason: 'refused' });
});

it('stops when a server closes with a code that says so', async () => {
  sockets.on('connection', socket => socket.close(4501, 'no such version'));
  service = new WebSocketService({ url: socketUrlOf(baseUrl()), environment });
  service.connect();
  expect(await until('stopped')).toMatchObject({ reason: 'version' });
});
