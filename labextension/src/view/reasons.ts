/** Why a task ended, as the server says it in English, in the reader's language. */
import type { TreeNode } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { translatable } from '../core/translatable.js';
import type { Words } from './words.js';

const REASONS: readonly string[] = [
  translatable('its process is gone'),
  translatable('kernel restarted'),
  translatable('kernel shut down'),
  translatable('kernel shut down after being idle'),
  translatable('the Jupyter server was stopped'),
  translatable('the process has ended')
];

export function reasonText(words: Words, reason: string): string {
  const killed = /^killed by (\w+)(, probably out of memory)?$/.exec(reason);
  if (killed) {
    return killed[2]
      ? words.__('killed by %1, probably out of memory', killed[1])
      : words.__('killed by %1', killed[1]);
  }
  const code = /^ended with exit code (\d+)$/.exec(reason);
  if (code) {
    return words.__('ended with exit code %1', code[1]);
  }
  return REASONS.includes(reason) ? words.__(reason) : seenLine(reason);
}

/** What a failed task says of itself: its exception, or how its process died. */
export function errorText(words: Words, node: TreeNode): string | null {
  const { type, message } = node.error ?? {};
  const isServers = message !== undefined && message === node.reason;
  if (isServers && node.trigger === 'kernel_died') {
    return words.__('Kernel died: %1', reasonText(words, message));
  }
  if (isServers && node.trigger === 'process_died') {
    return words.__('Process died: %1', reasonText(words, message));
  }
  const parts = [type, message].filter(part => part !== undefined && part !== '');
  return parts.length > 0 ? seenLine(parts.join(': ')) : null;
}
