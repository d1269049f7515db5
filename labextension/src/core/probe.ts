/** Why a server refused our socket: asked over HTTP, where a page is told. */
import { probeUrlOf } from './endpoint.js';
import type { Environment } from './environment.js';
import type { StopReason } from './follow.js';
import { isObject } from './json.js';
import { PROTOCOL_VERSION } from './protocol.js';

/** Null where nothing speaks against trying again. Never rejects. */
export async function whyRefused(
  environment: Pick<Environment, 'get'>,
  socketUrl: string
): Promise<StopReason | null> {
  const answer = await environment.get(probeUrlOf(socketUrl));
  switch (answer?.status) {
    case 404:
      return 'absent';
    case 401:
    case 403:
      return 'refused';
    case 200: {
      const { body } = answer;
      const isOther =
        isObject(body) && typeof body.protocol === 'number' && body.protocol !== PROTOCOL_VERSION;
      return isOther ? 'version' : null;
    }
    default:
      return null;
  }
}
