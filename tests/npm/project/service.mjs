// A service in Node, as README.md tells to make one.
import { socketUrlOf, WebSocketService } from 'tasktree-jupyter/core';
import { WebSocket } from 'ws';
import { obey, say } from './lines.mjs';

let service;
let unsubscribe;

obey({
  make({ baseUrl, token, project, ...options }) {
    const url = `${socketUrlOf(baseUrl)}${project ? `?project_id=${encodeURIComponent(project)}` : ''}`;
    const headers = { Authorization: `token ${token}` };
    const openSocket = (address, protocols) => new WebSocket(address, protocols, { headers });
    service = new WebSocketService({ url, ...options, environment: { openSocket } });
    unsubscribe = service.subscribe(message => say({ message }));
    service.onState(state => {
      const wait = state.kind === 'waiting' ? state.retryAt - Date.now() : null;
      say({ state: { ...state, wait } });
    });
  },
  connect: () => service.connect(),
  disconnect: () => service.disconnect(),
  retryNow: () => service.retryNow(),
  unsubscribe: () => say({ was: unsubscribe() }),
  maxAttempts: ({ attempts }) => (service.maxAttempts = attempts),
  send: ({ message }) => say({ sent: service.send(message) })
});
