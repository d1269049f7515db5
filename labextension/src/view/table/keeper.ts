/** The picture of a table, kept up to date, but not under the hands of whoever is at work in it. */
import { Remade } from '../attended.js';
import { FactsOf, type Facts } from './facts.js';
import { pictureOf, type Picture, type Wanted } from './picture.js';

/** Milliseconds between two pictures, at least: rows that change places more often can't be read. */
const REST = 1000;

export class TableKeeper {
  #wanted: Wanted | null = null;
  #isHeld = false;
  #isAskedToSort = false;
  #matches = new WeakMap<Facts, boolean>();
  readonly #facts = new FactsOf();
  readonly #picture = new Remade<Picture | null>(
    before => pictureOf(this.#wanted as Wanted, this.#facts, this.#matches, this.#held(before)),
    null,
    REST
  );

  readonly subscribe = this.#picture.subscribe;

  readonly getPicture = this.#picture.get;

  /** The tree may have grown, or something else is wanted. */
  show(wanted: Wanted): void {
    const before = this.#wanted;
    this.#wanted = wanted;
    // The same text may mean others by now: who is stale changes.
    if (before?.query !== wanted.query) {
      this.#matches = new WeakMap();
    }
    this.#picture.show(!before || !isSameWish(before, wanted));
  }

  /** While held, rows stay where they are. */
  hold(isHeld: boolean): void {
    const isOver = this.#isHeld && !isHeld;
    this.#isHeld = isHeld;
    if (isOver && this.#picture.get()?.isOutOfOrder) {
      this.#picture.show(false);
    }
  }

  /** Puts the rows in order even if somebody is at work in them: they asked for it. */
  sortAgain(): void {
    this.#isAskedToSort = true;
    this.#picture.show(true);
  }

  #held(before: Picture | null): Picture | null {
    const shown = this.#isAskedToSort ? null : before;
    this.#isAskedToSort = false;
    return this.#isHeld && shown && this.#wanted && isSameWish(shown.wanted, this.#wanted) ? shown : null;
  }
}

function isSameWish(one: Wanted, other: Wanted): boolean {
  return (
    one.tree === other.tree &&
    one.roots === other.roots &&
    one.group === other.group &&
    one.query?.text === other.query?.text &&
    one.sort?.column === other.sort?.column &&
    one.sort?.descending === other.sort?.descending &&
    one.better === other.better
  );
}
