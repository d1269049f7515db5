/** How counts, durations and times are written. Times are microseconds since 1970 unless a name says otherwise. */
import type { StatusCounts } from '../core/reader.js';
import { staleCount, statusCount, STATUS_ORDER } from './status.js';
import { listed, type Words } from './words.js';

const NARROW_SPACE = '\u202f';
const SECOND = 1_000_000;

/** `6 480`: grouped by narrow spaces, which no language reads as a decimal point. */
export function formatCount(count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

/** `999`, `1.2k`, `12k`, `1.2M`: four characters at most. Rounded down, so that it says no more than there are. */
export function shortCount(count: number): string {
  if (count < 1000) {
    return formatCount(count);
  }
  const [unit, name] = count < 1_000_000 ? [1000, 'k'] : [1_000_000, 'M'];
  return `${count < 10 * unit ? Math.floor(count / (unit / 10)) / 10 : Math.floor(count / unit)}${name}`;
}

/** Rounded down, so that 100 % means all of it. */
export function formatPercent(perMille: number): string {
  return `${Math.floor(perMille / 10)}${NARROW_SPACE}%`;
}

/**
 * `82 ms`, `9.8 s`, `1:02`, `1:02:33`, `2 d 3 h`, rounded. While it `ticks`, whole seconds that are over: a tenth that never moves would be a lie, and a clock
 * doesn't show what is yet to come.
 */
export function formatElapsed(microseconds: number, ticks = false): string {
  const elapsed = Math.max(0, microseconds);
  const inUnits = (unit: number) => Math.floor(elapsed / unit + (ticks ? 0 : 0.5));
  const milliseconds = inUnits(SECOND / 1000);
  const tenths = inUnits(SECOND / 10);
  const seconds = inUnits(SECOND);
  if (ticks ? seconds < 60 : tenths < 600) {
    return ticks
      ? `${seconds}${NARROW_SPACE}s`
      : milliseconds < 100
        ? `${milliseconds}${NARROW_SPACE}ms`
        : `${(tenths / 10).toFixed(1)}${NARROW_SPACE}s`;
  }
  if (seconds >= 24 * 3600) {
    const hours = inUnits(3600 * SECOND);
    return `${formatCount(Math.floor(hours / 24))}${NARROW_SPACE}d ${hours % 24}${NARROW_SPACE}h`;
  }
  const pad = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** Local wall time, with the date where it isn't today's: `14:02`, `Jan 31, 14:02`. */
export function formatClock(microseconds: number, now: number, seconds = false): string {
  const then = new Date(microseconds / 1000);
  const today = new Date(now / 1000);
  if (Number.isNaN(then.getTime())) {
    return '—';
  }
  const format: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  if (seconds) {
    format.second = '2-digit';
  }
  if (then.toDateString() !== today.toDateString()) {
    format.month = 'short';
    format.day = 'numeric';
    if (then.getFullYear() !== today.getFullYear()) {
      format.year = 'numeric';
    }
  }
  return formatterFor(format).format(then);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making one takes a hundred times as long as using it. */
function formatterFor(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = Object.keys(options).join();
  const formatter = formatters.get(key) ?? new Intl.DateTimeFormat(undefined, options);
  formatters.set(key, formatter);
  return formatter;
}

/** `no word since 14:02`; `since` and `now` in microseconds. */
export function silenceText(words: Words, since: number, now: number): string {
  return words.__('no word since %1', formatClock(since, now));
}

/** `now`, `5 min ago`, `2 h ago`, `3 d ago`. */
export function formatAgo(words: Words, microseconds: number, now: number): string {
  const minutes = Math.floor((now - microseconds) / (60 * SECOND));
  if (minutes < 1) {
    return words.__('now');
  }
  if (minutes < 60) {
    return words.__('%1 ago', `${minutes}${NARROW_SPACE}min`);
  }
  const hours = Math.floor(minutes / 60);
  const long =
    hours < 48 ? `${hours}${NARROW_SPACE}h` : `${formatCount(Math.floor(hours / 24))}${NARROW_SPACE}d`;
  return words.__('%1 ago', long);
}

/**
 * `3 failed, 6 480 completed, 2 more`: what the counts don't explain is "more". Where they count leaves of fewer groups:
 * `2 more with 600 completed`. `stale`: how many of the running ones nobody hears of.
 */
export function formatCounts(
  words: Words,
  counts: StatusCounts,
  { count, stale = 0 }: { count?: number; stale?: number } = {}
): string {
  const parts: string[] = [];
  let explained = 0;
  for (const status of STATUS_ORDER) {
    const n = counts[status] ?? 0;
    const unheard = status === 'running' ? Math.min(n, stale) : 0;
    explained += Math.max(0, n);
    if (n > unheard) {
      parts.push(statusCount(words, status, n - unheard, formatCount(n - unheard)));
    }
    if (unheard > 0) {
      parts.push(staleCount(words, unheard, formatCount(unheard)));
    }
  }
  const rest = (count ?? explained) - explained;
  if (rest > 0) {
    parts.push(words._n('%2 more', '%2 more', rest, formatCount(rest)));
  }
  const text = listed(words, parts);
  return rest < 0 && count !== undefined
    ? words._n('%2 more with %3', '%2 more with %3', count, formatCount(count), text)
    : text;
}
