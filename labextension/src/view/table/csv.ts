/** Rows as CSV (RFC 4180), with the values that `run.to_frame()` has. */
import type { Work } from '../slices.js';
import { textOf, type ColumnName, type Facts } from './facts.js';

const BREAK = '\r\n';
const STEP = 200;

/**
 * The columns are named as in the frame. Times are RFC 3339 in UTC, durations seconds, what isn't a number `NaN`, `inf` or `-inf` (as pandas reads and writes it), and
 * what is absent is empty.
 */
export function* csvOf(rows: readonly Facts[], columns: readonly ColumnName[]): Work<string> {
  const lines = [columns.map(fieldOf).join(',')];
  for (const row of rows) {
    lines.push(columns.map(column => cellOf(row, column)).join(','));
    if (lines.length % STEP === 0) {
      yield;
    }
  }
  return lines.map(line => line + BREAK).join('');
}

function cellOf(row: Facts, column: ColumnName): string {
  const value = row.value(column);
  if (value === undefined || value === null) {
    return '';
  }
  if (typeof value !== 'number') {
    // As pandas writes what is true.
    return typeof value === 'boolean' ? (value ? 'True' : 'False') : fieldOf(textOf(value));
  }
  if (column === 'started_at' || column === 'ended_at') {
    return timeOf(value);
  }
  return numberOf(column === 'duration' ? value / 1_000_000 : value);
}

function numberOf(value: number): string {
  if (Number.isNaN(value)) {
    return 'NaN';
  }
  return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf';
}

/** Microseconds since 1970, all of them. */
function timeOf(microseconds: number): string {
  const milliseconds = Math.floor(microseconds / 1000);
  const rest = String(microseconds - milliseconds * 1000).padStart(3, '0');
  return new Date(milliseconds).toISOString().replace('Z', `${rest}Z`);
}

const FORMULA = /^[=+\-@\t\r]/;
const PLAIN_NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

/**
 * Spreadsheets run text that begins like a formula; tasks, and what they say, may come from strangers. An apostrophe before it makes it text for them, and is all that
 * differs from the frame. What is a plain number is left alone.
 */
function fieldOf(text: string): string {
  const safe = FORMULA.test(text) && !PLAIN_NUMBER.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
