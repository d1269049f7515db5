/** The cells of a tree that grows, kept up to date. */
import { Remade } from '../attended.js';
import { cellsOf, NO_CELLS, type Cells, type Shown } from './cells.js';

/** Milliseconds between two pictures, at least: as often as the view is drawn. */
const REST = 100;

export class CellKeeper {
  #shown: Shown | null = null;
  readonly #cells = new Remade<Cells>(before => cellsOf(this.#shown as Shown, before), NO_CELLS, REST);

  readonly subscribe = this.#cells.subscribe;

  readonly getCells = this.#cells.get;

  /** The tree may have grown, or it is another one. */
  show(shown: Shown): void {
    const before = this.#shown;
    this.#shown = shown;
    const isSame =
      before?.tree === shown.tree && before.roots === shown.roots && before.query === shown.query;
    this.#cells.show(!isSame);
  }
}
