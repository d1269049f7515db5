import { act, cleanup, render } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import type { WebSocketMessage } from '../../src/core/envelope.js';
import { WebSocketService } from '../../src/core/service.js';
import { useWebSocket } from '../../src/view/index.js';
import { World } from '../core/world.js';

afterEach(cleanup);

const MESSAGE = {
  type: 'node_update',
  project_id: 'p',
  data: { node_id: 'a', changes: {} },
  timestamp: 'now'
};

function page(onMessage: (message: WebSocketMessage) => void) {
  const world = new World();
  const service = new WebSocketService<WebSocketMessage>({ url: 'ws://hub/', environment: world });
  let sent: boolean | null = null;
  function Component({ handler }: { handler: typeof onMessage }) {
    const { connection, send } = useWebSocket(service, handler);
    return <button onClick={() => (sent = send({ hello: 1 }))}>{connection.kind}</button>;
  }
  const rendered = render(<Component handler={onMessage} />);
  const button = () => rendered.getByRole('button');
  return {
    world,
    service,
    again: (handler: typeof onMessage) => rendered.rerender(<Component handler={handler} />),
    leave: () => rendered.unmount(),
    says: () => button().textContent,
    send: () => {
      act(() => button().click());
      return sent;
    }
  };
}

test('connects, hands over messages, and says "open" only when it is', () => {
  const got: WebSocketMessage[] = [];
  const { world, says } = page(message => got.push(message));
  expect(says()).toBe('connecting');
  act(() => world.socket.open());
  expect(says()).toBe('open');
  act(() => world.socket.say(MESSAGE));
  expect(got).toEqual([MESSAGE]);
  act(() => world.socket.end());
  expect(says()).toBe('waiting');
});

test('tells when something couldn’t be sent', () => {
  const { world, send } = page(() => undefined);
  expect(send()).toBe(false);
  act(() => world.socket.open());
  expect(send()).toBe(true);
  expect(world.socket.sent).toEqual([{ hello: 1 }]);
});

test('a new handler takes over without a new connection; with the component it ends', () => {
  const got: string[] = [];
  const { world, again, leave, service } = page(() => got.push('first'));
  act(() => world.socket.open());
  again(() => got.push('second'));
  act(() => world.socket.say(MESSAGE));
  leave();
  act(() => world.socket.say(MESSAGE));
  expect(got).toEqual(['second']);
  expect(world.sockets).toHaveLength(1);
  expect(service.state.kind).toBe('open');
});
