/** Work that looks at all tasks, in slices, so that the page answers in between. */

/** Milliseconds of one slice: with the drawing after it, a frame or two. */
const SLICE = 8;
/** What somebody waits for may take this long in one go: then there is nothing to be seen in between. */
const FIRST_SLICE = 24;
/** It may take one part in so many of the page's time. */
const SHARE = 5;

/** `yield` says: here the work may be put down for a moment. Not too often, since it looks at the clock. */
export type Work<T> = Generator<undefined, T, undefined>;

/**
 * Makes something again whenever it is asked to: at once where nothing was made lately, else as soon as it has rested long enough. What comes in while
 * it works makes it work once more, so the last change is never missed.
 */
export class Upkeep<T> {
  #work: Work<T> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isAskedAgain = false;
  #spent = 0;
  #next = 0;

  /** `rest`: milliseconds between two of them, at least. */
  constructor(
    private readonly make: () => Work<T>,
    private readonly done: (made: T) => void,
    private readonly rest: number
  ) {}

  ask(): void {
    if (this.#work) {
      this.#isAskedAgain = true;
    } else if (this.#timer === null) {
      this.#wait(this.#next - performance.now(), () => this.#begin());
    }
  }

  /** For what somebody did: it can't wait, and what is being made is of no use any more. */
  askNow(): void {
    this.stop();
    this.#begin(FIRST_SLICE);
  }

  stop(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    this.#timer = null;
    this.#work = null;
    this.#isAskedAgain = false;
  }

  #begin(slice = SLICE): void {
    this.#spent = 0;
    this.#work = this.make();
    this.#go(this.#work, slice);
  }

  #go(work: Work<T>, slice: number): void {
    const began = performance.now();
    let step = work.next();
    while (!step.done && performance.now() - began < slice) {
      step = work.next();
    }
    this.#spent += performance.now() - began;
    if (!step.done) {
      this.#wait(1, () => this.#go(work, SLICE));
      return;
    }
    this.#work = null;
    this.#next = performance.now() + Math.max(this.rest, this.#spent * SHARE);
    this.done(step.value);
    if (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      this.ask();
    }
  }

  #wait(milliseconds: number, then: () => void): void {
    if (milliseconds <= 0) {
      then();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      then();
    }, milliseconds);
  }
}
