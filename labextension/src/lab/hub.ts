import type { ServerConnection } from '@jupyterlab/services';
import { socketUrlOf } from '../core/endpoint.js';
import { hubAt, type Hub } from '../core/hub.js';

/**
 * The socket of JupyterLab's own server. The browser's login cookie opens it; a token goes along only where JupyterLab itself has to send
 * one, since the page comes from elsewhere.
 */
export function socketOf(settings: ServerConnection.ISettings): string {
  const url = new URL(socketUrlOf(settings.wsUrl || settings.baseUrl, settings.baseUrl));
  if (settings.appendToken && settings.token !== '') {
    url.searchParams.set('token', settings.token);
  }
  return url.href;
}

/** Every plugin's hub, and that of the widgets on the page: one connection. */
export function hubOf(settings: ServerConnection.ISettings): Hub {
  return hubAt(socketOf(settings));
}
