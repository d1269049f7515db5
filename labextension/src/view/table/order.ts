/** In which order values stand, whatever they are. */
import { STATUS_ORDER } from '../status.js';
import type { Status } from '../../core/reader.js';
import { textOf, type ColumnName, type Facts } from './facts.js';
import { natural } from './natural.js';

export interface Sort {
  column: ColumnName;
  descending: boolean;
}

// Kinds of values, from the first: mixed ones don't get into each other's way.
const NUMBER = 0;
const TEXT = 1;
const NOT_A_NUMBER = 2;
const ABSENT = 3;

interface Key {
  rank: number;
  number: number;
  text: string;
  at: number;
}

/** Both ways what is absent comes last, and before it what is no number; what is equal stays in the order of the tree. */
export function sorted(rows: readonly Facts[], { column, descending }: Sort, now: number | null): Facts[] {
  const keys = rows.map((facts, at) => keyOf(facts.value(column, now), column, at));
  const sign = descending ? -1 : 1;
  keys.sort((a, b) => {
    if (a.rank !== b.rank) {
      const isLast = Math.max(a.rank, b.rank) >= NOT_A_NUMBER;
      return isLast ? a.rank - b.rank : sign * (a.rank - b.rank);
    }
    if (a.number !== b.number) {
      return a.number < b.number ? -sign : sign;
    }
    if (a.text !== b.text) {
      return a.text < b.text ? -sign : sign;
    }
    return a.at - b.at;
  });
  return keys.map(({ at }) => rows[at] as Facts);
}

function keyOf(value: unknown, column: ColumnName, at: number): Key {
  if (value === undefined || value === null) {
    return { rank: ABSENT, number: 0, text: '', at };
  }
  if (column === 'status') {
    return { rank: NUMBER, number: STATUS_ORDER.indexOf(value as Status), text: '', at };
  }
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number === 'number') {
    return Number.isNaN(number)
      ? { rank: NOT_A_NUMBER, number: 0, text: '', at }
      : { rank: NUMBER, number, text: '', at };
  }
  return { rank: TEXT, number: 0, text: natural(textOf(value)), at };
}
