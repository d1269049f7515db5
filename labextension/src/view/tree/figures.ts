/** What is told of tasks alike in a line: `p50 1.2 s · 6.7/s · ~8 min left · best auc 0.941`. */
import { formatElapsed } from '../format.js';
import type { Words } from '../words.js';
import type { Alike } from './alike.js';
import { says } from './rounding.js';

const NARROW_SPACE = '\u202f';
const SECOND = 1_000_000;
/** Of fewer the middle one tells nothing. */
const FEWEST = 5;

interface Told {
  alike: Alike;
  /** Microseconds since 1970; null unless some run, and it is known that they do. */
  now: number | null;
  /** Microseconds. */
  left: number | null;
  /** What the row says anyway: that isn't told again. */
  said?: string | null;
}

export function figures(words: Words, { alike, now, left, said = null }: Told): string[] {
  const told: string[] = [];
  const median = alike.median();
  if (median && median.of >= FEWEST) {
    told.push(words.__('p50 %1', formatElapsed(median.duration)));
  }
  const rate = now === null ? null : alike.rate(now);
  if (rate !== null) {
    told.push(rateText(words, rate));
  }
  if (left !== null) {
    told.push(leftText(words, left));
  }
  const best = alike.best();
  const value = best && valueText(best.value);
  if (best && value !== null && !says(said ?? '', best.name, value)) {
    told.push(words.__('best %1 %2', best.name, value));
  }
  return told.filter(each => !said?.includes(each));
}

/** `6.7/s`, or by the minute or hour where it is rarer. */
function rateText(words: Words, perSecond: number): string {
  if (perSecond >= 0.95) {
    return words.__('%1/s', digits(perSecond));
  }
  return perSecond * 60 >= 0.95
    ? words.__('%1/min', digits(perSecond * 60))
    : words.__('%1/h', digits(perSecond * 3600));
}

function digits(rate: number): string {
  return rate < 9.95 ? rate.toFixed(1) : String(Math.round(rate)).replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

/** From 5 to 60 minutes a fifth more each, about: whoever waits so long doesn't count minutes. */
const MINUTES = [5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60];

/** `~8 min left`: no more exact than it can be, so that it doesn't change at every look. */
export function leftText(words: Words, microseconds: number): string {
  return words.__('~%1 left', roughly(microseconds / SECOND));
}

function roughly(seconds: number): string {
  const unit = (n: number, name: string) => `${n}${NARROW_SPACE}${name}`;
  if (seconds < 55) {
    return unit(Math.max(5, Math.round(seconds / (seconds < 20 ? 5 : 10)) * (seconds < 20 ? 5 : 10)), 's');
  }
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 55) {
    return unit(minutes < 5 ? minutes : nearest(MINUTES, seconds / 60), 'min');
  }
  const quarters = Math.round(minutes / 15);
  const hours = Math.floor(quarters / 4);
  if (hours < 48) {
    const rest = hours < 6 ? (quarters % 4) * 15 : 0;
    return rest > 0 ? `${unit(hours, 'h')} ${unit(rest, 'min')}` : unit(hours, 'h');
  }
  return unit(Math.round(hours / 24), 'd');
}

function nearest(steps: readonly number[], value: number): number {
  return steps.reduce((best, each) => (Math.abs(each - value) < Math.abs(best - value) ? each : best));
}

/** Three digits that count: `0.941`, `12.3`, `1.20e-5`. */
export function valueText(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (Number.isInteger(value) && size < 1e6)) {
    return String(value);
  }
  return size >= 1e6 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}
