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

/**
 * What to GET of the server's REST interface, and with which headers: the token that a page from elsewhere has to send is in the socket's
 * query, since a WebSocket takes no headers; a GET does.
 */
export function apiUrlOf(
  socketUrl: string,
  path: readonly string[],
  parameters: readonly (readonly [name: string, value: string])[]
): { url: string; headers: Record<string, string> } {
  const url = new URL(socketUrl);
  const token = url.searchParams.get('token');
  url.protocol = url.protocol.replace(/^ws/, 'http');
  const base = url.pathname.replace(/ws\/updates$/, 'api/');
  url.pathname = base + path.map(encodeURIComponent).join('/');
  url.search = new URLSearchParams(parameters.map(([name, value]) => [name, value])).toString();
  return { url: url.href, headers: token === null ? {} : { Authorization: `token ${token}` } };
}

/** One hub for each; the query doesn't tell servers apart. */
export function keyOf(socketUrl: string): string {
  const url = new URL(socketUrl);
  return `${url.origin}${url.pathname}`;
}
