/** What somebody chose in a table, as it is kept; whatever else is found there is passed over. */
import type { Better } from '../better.js';
import type { Chosen } from './columns.js';
import type { ColumnName } from './facts.js';
import type { Sort } from './order.js';

export function groupOf(kept: unknown): string | null {
  return typeof kept === 'string' ? kept : null;
}

export function sortOf(kept: unknown): Sort | null {
  const { column, descending } = objectOf(kept);
  return typeof column === 'string' && typeof descending === 'boolean' ? { column, descending } : null;
}

export function choicesOf(kept: unknown): Chosen {
  return only(kept, (value): value is boolean => typeof value === 'boolean');
}

export function betterOf(kept: unknown): Readonly<Record<ColumnName, Better>> {
  return only(kept, (value): value is Better => value === 'higher' || value === 'lower' || value === 'none');
}

/** What is looked for in a column comes first: the best of a metric, the longest time, the first of all else. */
export function firstSort(column: ColumnName, better: Better): Sort {
  const descending = column.startsWith('metrics.') ? better !== 'lower' : column === 'duration';
  return { column, descending };
}

function objectOf(kept: unknown): Record<string, unknown> {
  return typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>) : {};
}

// Without a prototype: a metric may be called `__proto__` or `constructor`.
function only<T>(kept: unknown, isOne: (value: unknown) => value is T): Readonly<Record<string, T>> {
  const found = Object.create(null) as Record<string, T>;
  for (const [name, value] of Object.entries(objectOf(kept))) {
    if (isOne(value)) {
      found[name] = value;
    }
  }
  return found;
}
