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

const SEPARATOR = /([\t\r\n,;])/;
const NEEDS_QUOTES = /[",;\t\r\n]|^\s|\s$/;
const FORMULA = /^[\s"]*[=+\-@＝＋－＠]/;
/** Where cells end at commas the quotes around a text hold: one in it begins none. A list of options, `["-v","-x"]`, stays one. */
const FORMULA_AFTER_COMMA = /^\s*[=+\-@＝＋－＠]/;
/** Also at the end of a list: `-2]`. */
const PLAIN_NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*[\])}]*$/i;

/** Quoted for those who split lines at commas, and as well for those who do at tabs or semicolons. */
function fieldOf(text: string): string {
  const safe = safeText(text);
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Spreadsheets run text that begins like a formula; tasks, and what they say, may come from strangers. An apostrophe before it makes it text for them, and is all that
 * differs from the frame. What is a plain number is left alone. What is pasted is split at tabs, in many languages a file is at semicolons, whatever quotes stand in the
 * middle of what they then take for a cell: so a formula may begin behind any of these too.
 */
function safeText(text: string): string {
  const parts = text.split(SEPARATOR).map((part, at, all) => {
    const begins = all[at - 1] === ',' ? FORMULA_AFTER_COMMA : FORMULA;
    return at % 2 === 0 && begins.test(part) && !PLAIN_NUMBER.test(part) ? `'${part}` : part;
  });
  return (/^[\t\r\n]/.test(text) ? "'" : '') + parts.join('');
}
