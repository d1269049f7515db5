import { seenLine } from '../core/seen.js';
import { translatable } from '../core/translatable.js';
import type { Words } from './words.js';

const LEVELS: Record<string, string> = {
  debug: translatable('debug'),
  info: translatable('info'),
  warning: translatable('warning'),
  error: translatable('error'),
  critical: translatable('critical')
};

export function levelName(words: Words, level: string): string {
  const name = Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined;
  return name === undefined ? seenLine(level) : words.__(name);
}
