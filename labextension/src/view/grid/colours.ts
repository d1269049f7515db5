/** The colours of the status grid, as the style sheet and the theme have them now. */
import { LOOKS } from './cells.js';
import type { Colours } from './painter.js';

/** What has the colours: an element for each look, named by `data-look`. */
export function coloursOf(samples: HTMLElement): Colours {
  const colours: Partial<Colours> = {};
  for (const look of [...LOOKS, 'ring'] as const) {
    const sample = samples.querySelector(`[data-look="${look}"]`);
    colours[look] = sample ? getComputedStyle(sample).color : '';
  }
  return colours as Colours;
}

export function areEqual(one: Colours, other: Colours): boolean {
  return Object.entries(one).every(([look, colour]) => other[look as keyof Colours] === colour);
}

/**
 * Calls back when any of the colours became another, whatever it was that changed it: the host's theme, high contrast, day and night. They have a transition
 * too short to be seen, and a browser tells of each that it begins.
 */
export function watchColours(samples: HTMLElement, changed: () => void): () => void {
  samples.addEventListener('transitionend', changed);
  return () => samples.removeEventListener('transitionend', changed);
}
