import type { Part } from '../part.js';
import { Events } from './events.js';

export const eventsPart: Part = {
  id: 'events',
  label: words => words.__('Events'),
  isThere: ({ follow, hub }) => follow !== null || hub !== null,
  Body: Events
};
