import { agentsPart } from './agents/agents-part.js';
import { eventsPart } from './events/events-part.js';
import { failuresPart } from './failures/failures-part.js';
import type { Part, PartId } from './part.js';
import { tablePart } from './table/table-part.js';
import { treePart } from './tree/tree-part.js';

/** In the order in which they are offered. */
export const PARTS: readonly Part[] = [treePart, tablePart, failuresPart, agentsPart, eventsPart];

export function partOf(value: unknown): PartId {
  return PARTS.find(part => part.id === value)?.id ?? 'tree';
}
