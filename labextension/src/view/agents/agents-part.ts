import { hasAgents } from '../../core/agents.js';
import type { Part } from '../part.js';
import { Agents } from './agents.js';

export const agentsPart: Part = {
  id: 'agents',
  label: words => words.__('Agents'),
  isThere: ({ tree, roots }) => hasAgents(tree, roots),
  Body: Agents
};
