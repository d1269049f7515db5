/** Where a Jupyter server's TaskTree is. */

const SOCKET = 'tasktree/ws/updates';

/**
 * The WebSocket's URL. `baseUrl`: the server's, as a path (`/user/ada/`) or whole (`https://…`, `wss://…`); a path is relative to
 * `page`, else to the page this runs in.
 *
 * @throws TypeError where that is no URL.
 */
export function socketUrlOf(baseUrl: string, page?: string): string {
  const here = page ?? (typeof location === 'undefined' ? undefined : location.href);
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`, here);
  const url = new URL(SOCKET, base);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  return url.href;
}

/** What to GET to learn why a socket was refused. */
export function probeUrlOf(socketUrl: string): string {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace(/^ws/, 'http');
  url.pathname = url.pathname.replace(/ws\/updates$/, 'api/version');
  return url.href;
}

/** One hub for each; the query doesn't tell servers apart. */
export function keyOf(socketUrl: string): string {
  const url = new URL(socketUrl);
  return `${url.origin}${url.pathname}`;
}
