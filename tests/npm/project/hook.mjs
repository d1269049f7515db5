// A React component that uses the hook, in a page that jsdom makes, on a real socket.
import { JSDOM } from 'jsdom';
import { WebSocket } from 'ws';
import { obey, say } from './lines.mjs';

const page = new JSDOM('<!doctype html><body><main></main></body>', { pretendToBeVisual: true });
globalThis.window = page.window;
globalThis.document = page.window.document;
// Newer versions of Node have one.
globalThis.navigator ??= page.window.navigator;

// React looks for the page when it is loaded.
const { createElement: h, useMemo, useState } = await import('react');
const { createRoot } = await import('react-dom/client');
const { isEvent, socketUrlOf, useWebSocket, WebSocketService } = await import('tasktree-jupyter');

function Failures({ service }) {
  const [failed, setFailed] = useState([]);
  const { connection, send, retryNow } = useWebSocket(service, message => {
    if (isEvent(message, 'task_status_changed') && message.data.status === 'failed') {
      setFailed(before => [...before, message.data.task_id]);
    }
  });
  return h('section', null, [
    h('p', { key: 'p' }, `${connection.kind}: ${failed.join(' ')}`),
    h('button', { key: 'retry', id: 'retry', onClick: retryNow }, 'Retry now'),
    h('button', { key: 'send', id: 'send', onClick: () => say({ sent: send(FAILED) }) }, 'Send')
  ]);
}

const FAILED = { type: 'task_status_changed', project_id: 'hook', data: { task_id: 'mine', status: 'failed' } };

function App({ baseUrl, token, ...options }) {
  const service = useMemo(() => {
    const headers = { Authorization: `token ${token}` };
    const openSocket = (address, protocols) => new WebSocket(address, protocols, { headers });
    return new WebSocketService({ url: socketUrlOf(baseUrl), ...options, environment: { openSocket } });
  }, [baseUrl, token]);
  return h(Failures, { service });
}

const main = document.querySelector('main');
const root = createRoot(main);
let said = null;
new page.window.MutationObserver(() => {
  const text = main.querySelector('p')?.textContent ?? null;
  if (text !== said) {
    said = text;
    say({ text });
  }
}).observe(main, { subtree: true, childList: true, characterData: true });

obey({
  show: options => root.render(h(App, options)),
  click: ({ button }) => main.querySelector(`#${button}`).click(),
  leave: () => root.unmount()
});
