/** How what needs attention is told. */
import type { AttentionItem } from '../../core/attention.js';
import type { TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { failureText, timesText } from '../failures/words.js';
import { formatAgo, formatCount, formatElapsed, silenceText } from '../format.js';
import { nameOf } from '../node.js';
import type { Words } from '../words.js';

export interface Told {
  what: string;
  /** How often, or for how long. */
  note: string;
}

/** `now`: microseconds since 1970. */
export function tellItem(words: Words, tree: TreeReader, item: AttentionItem, now: number): Told {
  const name = item.id === null ? '' : nameOf(tree, item.id);
  const several = item.count > 1 ? [timesText(item.count)] : [];
  const told = (what: string, ...notes: string[]): Told => ({ what, note: notes.join(' · ') });
  switch (item.kind) {
    case 'failed':
      return told(
        failureText(words, tree, item.group),
        timesText(item.count),
        ...(item.at === null ? [] : [formatAgo(words, item.at, now)])
      );
    case 'retry':
      return told(name, ...several, words.__('attempt %1', formatCount(item.attempt)));
    case 'stale':
      return told(name, ...several, silenceText(words, item.since, now));
    case 'silent':
      return told(
        words.__('agent “%1”', seenLine(item.agent)),
        words.__('silent %1', formatElapsed(now - item.since, true))
      );
    case 'slow':
      return told(
        name,
        ...several,
        words.__('%1, others %2', formatElapsed(item.elapsed, true), formatElapsed(item.pace))
      );
    case 'late':
      return told(
        name,
        words.__('%1, usually %2', formatElapsed(item.elapsed, true), formatElapsed(item.usual))
      );
  }
}

/** What kind of matter it is: the name of its icon. */
export function kindText(words: Words, kind: AttentionItem['kind']): string {
  switch (kind) {
    case 'failed':
      return words.__('failed');
    case 'retry':
      return words.__('tried again and again');
    case 'stale':
      return words.__('stale');
    case 'silent':
      return words.__('silent');
    case 'slow':
      return words.__('slower than others like it');
    case 'late':
      return words.__('slower than in earlier runs');
  }
}
