/** Which columns a table shows, in which order, and how wide. */
import type { ColumnName } from './facts.js';
import type { ColumnFacts } from './picture.js';

/** These don't scroll away. */
export const PINNED: readonly ColumnName[] = ['status', 'title'];
/** What every task has, after what is its own. */
const LAST: readonly ColumnName[] = [
  'duration',
  'agent',
  'attempt',
  'started_at',
  'ended_at',
  'error_message',
  'error_type',
  'progress',
  'node_id',
  'parent_id',
  'depth'
];
/** There for those who want all that the frame has. */
const RARE: ReadonlySet<ColumnName> = new Set(['progress', 'error_type', 'node_id', 'parent_id', 'depth']);

export const STATUS_WIDTH = 34;
const CHARACTER = 7.4;
/** Digits are all as wide as the widest, and wider in bold: a number that is cut is another number. */
const DIGIT = 8.4;
/** Before the best value. */
const STAR = 16;
const AROUND = 20;
const NARROWEST = 58;
const WIDEST = 260;

/** What somebody chose; of the others the usual ones are shown. */
export type Chosen = Readonly<Record<ColumnName, boolean>>;

/** Parameters and metrics stand beside the task, what the frame has besides comes after them. */
export function inOrder(columns: readonly ColumnFacts[]): ColumnFacts[] {
  const byName = new Map(columns.map(column => [column.name, column]));
  const named = (names: readonly ColumnName[]) => names.flatMap(name => byName.get(name) ?? []);
  const own = columns.filter(({ name }) => !PINNED.includes(name) && !LAST.includes(name));
  return [...named(PINNED), ...own, ...named(LAST)];
}

export function isUsual({ name, filled }: ColumnFacts): boolean {
  return PINNED.includes(name) || (filled > 0 && !RARE.has(name));
}

export function isShown(column: ColumnFacts, chosen: Chosen): boolean {
  return PINNED.includes(column.name) || (chosen[column.name] ?? isUsual(column));
}

/** CSS pixels that a column needs, as far as its values and its label say. */
export function needed({ name, length, isNumeric }: ColumnFacts, label: string): number {
  if (name === 'status') {
    return STATUS_WIDTH;
  }
  // A sorted column has a mark beside its label.
  const text = Math.ceil(Math.max(label.length + 2, length) * CHARACTER) + AROUND;
  const number = Math.ceil(length * DIGIT) + (name.startsWith('metrics.') ? STAR : 0) + AROUND;
  return Math.max(Math.min(text, WIDEST), isNumeric ? number : 0, NARROWEST);
}

/** Widths that fill the room there is; the title takes no more than its part of a narrow one. */
export function widthsOf(columns: readonly ColumnFacts[], labels: readonly string[], room: number): number[] {
  const widths = columns.map((column, at) => {
    const width = needed(column, labels[at] ?? '');
    return column.name === 'title' ? Math.min(width, Math.max(90, Math.floor(room * 0.42))) : width;
  });
  const left = room - widths.reduce((sum, width) => sum + width, 0);
  const more = Math.floor(left / Math.max(1, columns.length - 1));
  return more > 0
    ? widths.map((width, at) => (columns[at]?.name === 'status' ? width : width + more))
    : widths;
}
