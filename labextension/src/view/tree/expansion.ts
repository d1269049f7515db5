import { memoryOf, type ViewMemory } from '../memory.js';

/** What opens by itself stops opening beyond this many rows: about two screens of a notebook's output. */
const AUTOMATIC_ROWS = 32;
/** What matches wants to be seen, but nobody reads so many rows, and each costs time again as events come. */
export const FOUND_ROWS = 1000;
/** Of the rows somebody opened or closed, so many of the last are remembered beyond the page. */
const REMEMBERED_ROWS = 500;
/** And so many characters of them: half of what a project's memory holds. */
const REMEMBERED_TEXT = 50_000;

/**
 * Which rows are open. What the user opened or closed stays so. Untouched, a row is open while something runs below it and, since that
 * wants to be seen, when something failed there. It closes when all went well, so that what runs now isn't pushed out of sight by what is
 * done; unless the user is at work in it.
 */
export class Expansion {
  readonly #chosen: Map<string, boolean>;
  #opened = new Set<string>();
  #listeners = new Set<() => void>();
  #version = 0;

  /** `automatic`: beyond so many rows nothing opens by itself. */
  constructor(
    private readonly memory: ViewMemory,
    private readonly automatic = AUTOMATIC_ROWS
  ) {
    this.#chosen = new Map(memory.read('expanded', choicesOf));
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  getVersion = (): number => this.#version;

  /**
   * `wants`: whether there is something to see. `rows`: how many are shown already. `isHeld`: nothing stands beside it, or the user is on a row below it;
   * then it is open unless the user closed it. `isCalm`: what is open stays so.
   */
  isOpen(key: string, wants: () => boolean, isHeld: boolean, rows: number, isCalm: boolean): boolean {
    const chosen = this.#chosen.get(key);
    if (chosen !== undefined) {
      return chosen;
    }
    if (isHeld) {
      return true;
    }
    if (!wants()) {
      if (!isCalm) {
        this.#opened.delete(key);
      }
    } else if (rows < this.automatic) {
      this.#opened.add(key);
    }
    return this.#opened.has(key);
  }

  /** Whether the user closed it. */
  isClosed(key: string): boolean {
    return this.#chosen.get(key) === false;
  }

  /** What the user opened. */
  *chosenOpen(): Generator<string> {
    for (const [key, isOpen] of this.#chosen) {
      if (isOpen) {
        yield key;
      }
    }
  }

  /** Rows that stand for several children are closed until someone opens them. */
  isChosen(key: string): boolean {
    return this.#chosen.get(key) ?? false;
  }

  choose(keys: Iterable<string>, open: boolean): void {
    for (const key of keys) {
      this.#chosen.delete(key);
      this.#chosen.set(key, open);
    }
    this.memory.write('expanded', lastOf([...this.#chosen]));
    this.#version += 1;
    for (const listener of [...this.#listeners]) {
      listener();
    }
  }
}

function lastOf(choices: readonly [string, boolean][]): readonly [string, boolean][] {
  const most = Math.max(0, choices.length - REMEMBERED_ROWS);
  let from = choices.length;
  for (let left = REMEMBERED_TEXT; from > most; from -= 1) {
    left -= JSON.stringify(choices[from - 1]).length + 1;
    if (left < 0) {
      break;
    }
  }
  return choices.slice(from);
}

function choicesOf(kept: unknown): [string, boolean][] {
  return Array.isArray(kept) ? kept.filter(isChoice) : [];
}

function isChoice(kept: unknown): kept is [string, boolean] {
  return Array.isArray(kept) && typeof kept[0] === 'string' && typeof kept[1] === 'boolean';
}

const expansions = new WeakMap<ViewMemory, Expansion>();

/** One for all views of a project: an output is rendered anew when its data changes, and what the user opened must outlive that. */
export function expansionOf(projectId: string | null): Expansion {
  const memory = memoryOf(projectId);
  const expansion = expansions.get(memory) ?? new Expansion(memory);
  expansions.set(memory, expansion);
  return expansion;
}
