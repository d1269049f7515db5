/** How failures are told. */
import type { FailureGroup, Trait } from '../../core/failures.js';
import type { TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { fileOf } from '../../core/signature.js';
import type { Place } from '../../core/traceback.js';
import { formatCount } from '../format.js';
import { errorText } from '../reasons.js';
import { listed, type Words } from '../words.js';

const LONGEST_VALUE = 40;

/** `ValueError: Input X contains NaN.`; how a process died, in the reader's language. */
export function failureText(words: Words, tree: TreeReader, group: FailureGroup): string {
  const node = tree.node(group.ids[0] as string);
  const isServers = node?.trigger === 'kernel_died' || node?.trigger === 'process_died';
  const text = isServers ? (errorText(words, node) ?? group.text) : group.text;
  return text === '' ? words.__('failed without a reason') : seenLine(text);
}

/** `fit.py:12 in fit` */
export function frameText(words: Words, frame: Place): string {
  const file = fileOf(frame);
  const place = file === '' ? words.__('cell, line %1', frame.line) : `${file}:${frame.line}`;
  const isTop = frame.function === '' || frame.function === '<module>';
  return seenLine(isTop ? place : words.__('%1 in %2', place, frame.function));
}

/** `all with imputer=None, on worker-3` */
export function traitsText(words: Words, traits: readonly Trait[]): string {
  const parts = traits.map(({ name, value }) => {
    if (name === '') {
      return value === null ? words.__('no agent') : seenLine(value);
    }
    const short =
      value === null || value.length <= LONGEST_VALUE ? value : `${value.slice(0, LONGEST_VALUE)}…`;
    return seenLine(`${name}=${short ?? 'None'}`);
  });
  return words.__('all with %1', listed(words, parts));
}

/** `×212` */
export function timesText(count: number): string {
  return `×${formatCount(count)}`;
}
