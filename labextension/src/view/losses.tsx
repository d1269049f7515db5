import type { TreeReader } from '../core/reader.js';
import { formatCount } from './format.js';

/** A gap is never silent. */
export function Losses({ tree: { dropped = 0, overflow = 0 } }: { tree: TreeReader }) {
  const lost = [
    dropped > 0 ? `${events(dropped)} lost before the server got ${dropped === 1 ? 'it' : 'them'}` : null,
    overflow > 0 ? `${events(overflow)} about tasks beyond the first 200\u202f000, which aren’t shown` : null
  ].filter(text => text !== null);
  return lost.length > 0 ? (
    <p className="tt-notice" role="status">
      In this project: {lost.join('; ')}.
    </p>
  ) : null;
}

function events(n: number): string {
  return n === 1 ? '1 event was' : `${formatCount(n)} events were`;
}
