import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Words } from './words.js';

/** Views of it hear from the server that it is gone. Raises an error that says why it isn't. */
export async function deleteProject(
  settings: ServerConnection.ISettings,
  projectId: string,
  trans: Words
): Promise<void> {
  const url = URLExt.join(settings.baseUrl, 'tasktree/api/projects', encodeURIComponent(projectId));
  const answer = await ServerConnection.makeRequest(url, { method: 'DELETE' }, settings);
  // Who is first doesn't matter.
  if (answer.ok || answer.status === 404) {
    return;
  }
  const told = (await answer.json().catch(() => null)) as { message?: unknown } | null;
  const reason = typeof told?.message === 'string' ? told.message : answer.statusText;
  const advice = answer.status === 405 ? trans.__('This server’s TaskTree is too old for that.') : reason;
  throw new Error(advice);
}
