import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Connection } from '../core/follow.js';
import type { WebSocketService } from '../core/service.js';

/** What `useWebSocket` answers. */
export interface UseWebSocket {
  /** How the connection is now. */
  connection: Connection;
  /** False where it can't be sent; nothing is queued. */
  send: (message: unknown) => boolean;
  /** Try now, also after giving up. */
  retryNow: () => void;
}

/**
 * Hands every message of `service` to `onMessage` for as long as the component is there, and renders again when the connection changes. It
 * connects the service, but leaves it connected: others may use it too. Make the service outside of the component, or in `useMemo`.
 *
 * ```tsx
 * const service = new WebSocketService<WebSocketMessage>({ url: socketUrlOf('/') });
 *
 * function Failures() {
 *   const [failed, setFailed] = useState(0);
 *   const { connection, retryNow } = useWebSocket(service, message => {
 *     if (isEvent(message, 'task_status_changed') && message.data.status === 'failed') {
 *       setFailed(n => n + 1);
 *     }
 *   });
 *   return connection.kind === 'open' ? <p>{failed} failed</p> : <button onClick={retryNow}>Retry now</button>;
 * }
 * ```
 */
export function useWebSocket<Incoming>(
  service: WebSocketService<Incoming>,
  onMessage: (message: Incoming) => void
): UseWebSocket {
  const handler = useRef(onMessage);
  useEffect(() => {
    handler.current = onMessage;
  });
  useEffect(() => {
    const unsubscribe = service.subscribe(message => handler.current(message));
    service.connect();
    return unsubscribe;
  }, [service]);
  const subscribe = useCallback((listener: () => void) => service.onState(listener), [service]);
  const connection = useSyncExternalStore(subscribe, () => service.state);
  const send = useCallback((message: unknown) => service.send(message), [service]);
  const retryNow = useCallback(() => service.retryNow(), [service]);
  return { connection, send, retryNow };
}
