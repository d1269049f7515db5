/** How a table writes its columns and what is in them. */
import { seenLine } from '../../core/seen.js';
import { formatElapsed, formatPercent } from '../format.js';
import type { Words } from '../words.js';
import { textOf, type ColumnName } from './facts.js';
import { numberText } from './numbers.js';

const LONGEST = 300;

/** In no language: what `words` don't say. Times of day are written where it is known which day it is. `decimals`: of the column's numbers. */
export function cellText(column: ColumnName, value: unknown, decimals = 0): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (typeof value !== 'number') {
    return seenLine(textOf(value).slice(0, LONGEST));
  }
  switch (column) {
    case 'duration':
      return formatElapsed(value);
    case 'progress':
      return formatPercent(Math.floor(value * 1000 + 0.5));
    case 'started_at':
    case 'ended_at':
      return '00:00:00';
    default:
      return numberText(value, decimals);
  }
}

/** A parameter's or metric's own name is enough: which of both it is says the full one, in a tooltip. */
export function columnLabel(words: Words, column: ColumnName): string {
  switch (column) {
    case 'status':
      return words.__('Status');
    case 'title':
      return words.__('Task');
    case 'duration':
      return words.__('Elapsed');
    case 'agent':
      return words.__('Agent');
    case 'attempt':
      return words.__('Attempt');
    case 'progress':
      return words.__('Progress');
    case 'started_at':
      return words.__('Started');
    case 'ended_at':
      return words.__('Ended');
    case 'error_type':
      return words.__('Error type');
    case 'error_message':
      return words.__('Error');
    case 'node_id':
      return words.__('Id');
    case 'parent_id':
      return words.__('Parent');
    case 'depth':
      return words.__('Level');
    default:
      return seenLine(column.replace(/^(params|metrics)\./, ''));
  }
}
