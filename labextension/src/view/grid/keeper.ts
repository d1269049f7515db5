/** The cells of a tree that grows, kept up to date. */
import { Upkeep } from '../slices.js';
import { cellsOf, NO_CELLS, type Cells, type Shown } from './cells.js';

/** Milliseconds between two pictures, at least: as often as the view is drawn. */
const REST = 100;

export class CellKeeper {
  #shown: Shown | null = null;
  #cells: Cells = NO_CELLS;
  readonly #listeners = new Set<() => void>();
  readonly #upkeep = new Upkeep(
    () => cellsOf(this.#shown as Shown, this.#cells),
    made => {
      this.#cells = made;
      this.#listeners.forEach(listener => listener());
    },
    REST
  );

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        this.#upkeep.stop();
      }
    };
  };

  getCells = (): Cells => this.#cells;

  /** The tree may have grown, or it is another one: what somebody chose is there at once. */
  show(shown: Shown): void {
    const before = this.#shown;
    this.#shown = shown;
    if (before?.tree === shown.tree && before.roots === shown.roots && before.query === shown.query) {
      this.#upkeep.ask();
    } else {
      this.#upkeep.askNow();
    }
  }
}
