import { agentsPart } from './agents/agents-part.js';
import { eventsPart } from './events/events-part.js';
import type { Part, PartId } from './part.js';
import { treePart } from './tree/tree-part.js';

/** In the order in which they are offered. */
export const PARTS: readonly Part[] = [treePart, agentsPart, eventsPart];

export function partOf(value: unknown): PartId {
  return PARTS.find(part => part.id === value)?.id ?? 'tree';
}
