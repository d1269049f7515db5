/** What a program may say, and what it may not. */
import { useMemo } from 'react';
import { WebSocket as NodeSocket } from 'ws';
import {
  hubAt,
  HubError,
  isError,
  isEvent,
  socketUrlOf,
  SUBPROTOCOL,
  useWebSocket,
  WebSocketService,
  type Connection,
  type EventMap,
  type EventOf,
  type Frame,
  type WebSocketMessage
} from 'tasktree-jupyter';
import { TaskTree, WebSocketService as OfCore, type TreeReader } from 'tasktree-jupyter/core';
import { TreeView, WordsContext, wordsOf, type Words } from 'tasktree-jupyter/view';
import chinese from 'tasktree-jupyter/locale/zh_CN.json' with { type: 'json' };

export const plain = new WebSocketService<WebSocketMessage>({ url: socketUrlOf('https://hub/user/ada/') });
export const framed = new OfCore<Frame>({ url: 'wss://hub/', protocol: SUBPROTOCOL, maxAttempts: 5 });
export const inNode = new WebSocketService({
  url: 'ws://127.0.0.1:8888/tasktree/ws/updates',
  reconnectDelay: 500,
  maxReconnectDelay: 10_000,
  environment: { openSocket: (url, protocols) => new NodeSocket(url, protocols, { headers: {} }) }
});
// @ts-expect-error: without an address there is nothing to connect to
new WebSocketService({});

plain.subscribe((message, size) => {
  const bytes: number = size;
  if (isEvent(message, 'node_update')) {
    const changes: Record<string, unknown> | null = message.data.changes;
    // @ts-expect-error: that is another type's
    void [bytes, changes, message.data.task_id];
  } else if (isEvent(message, 'snapshot_update')) {
    const name: string | null | undefined = message.data.changes?.name;
    void name;
  } else if (isError(message)) {
    const why: string = message.data.message;
    void why;
  }
  // @ts-expect-error: there is no such type
  isEvent(message, 'node_updated');
});

/** Each of the eight types, and of ours, has its data. */
export const DATA: EventMap = {
  task_status_changed: { task_id: 'a', status: 'running' },
  node_update: { node_id: 'a', changes: null },
  state_transition: { from: 'draft', to: 'ready', context: { node_id: 'a' } },
  mission_snapshot: { snapshot_id: 's', timestamp: '2026-01-31T14:02:11Z' },
  coordination_update: { active_agents: 1, agents: { ada: { status: 'busy' } } },
  orchestrator_started: { status: 'running', a2amcp_enabled: true },
  orchestrator_stopped: { status: 'stopped' },
  orchestrator_error: { error: 'no more memory' },
  node_log: { node_id: 'a', level: 'info', message: 'converged' },
  events_dropped: { count: 3 },
  snapshot_update: { snapshot_id: 's', changes: { name: 'before tuning' } }
};
export const started: EventOf<'orchestrator_started'> = {
  type: 'orchestrator_started',
  project_id: null,
  data: DATA.orchestrator_started,
  timestamp: '2026-01-31T14:02:11Z'
};

export function text(state: Connection): string {
  switch (state.kind) {
    case 'connecting':
    case 'open':
      return state.kind;
    case 'waiting':
      return `attempt ${state.attempt.toFixed()} at ${new Date(state.retryAt).toISOString()}`;
    case 'stopped':
      return `${state.reason}: ${state.message} ${state.detail ?? ''}`;
  }
}

const sent: boolean = plain.send({ type: 'node_update', data: DATA.node_update });
const off: () => void = plain.onState(state => console.log(text(state)));
void [sent, off, plain.retryNow(), plain.scheduleReconnect(), plain.disconnect(), (plain.maxAttempts = Infinity)];

const hub = hubAt(socketUrlOf('/', 'http://127.0.0.1:8888/lab'));
const words: Words = wordsOf(chinese);

export function App() {
  const follow = useMemo(() => hub.follow('nightly-etl'), []);
  const { connection, retryNow, send } = useWebSocket(plain, message => console.log(message.type));
  // @ts-expect-error: the hook hands over what its service gets
  useWebSocket(plain, (message: number) => console.log(message));
  return (
    <WordsContext.Provider value={words}>
      <button onClick={retryNow} disabled={!send({})}>
        {connection.kind}
      </button>
      <TreeView projectId="nightly-etl" follow={follow} hub={hub} missionId={null} layout="fill" />
    </WordsContext.Provider>
  );
}

export const tree: TreeReader = new TaskTree();
export const failed = (error: unknown): boolean => error instanceof HubError && error.retry;
