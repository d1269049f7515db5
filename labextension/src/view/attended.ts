/** What is made for those who look at it, and only while they do. Fits `useSyncExternalStore`. */
import { Upkeep, type Work } from './slices.js';

/** Those who look. */
class Audience {
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly came: () => void,
    /** The last one went. */
    private readonly left: () => void
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.came();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        this.left();
      }
    };
  };

  get isThere(): boolean {
    return this.#listeners.size > 0;
  }

  tell(): void {
    [...this.#listeners].forEach(listener => listener());
  }
}

/** Something made as a whole, again and again. */
export class Remade<T> {
  readonly subscribe: (listener: () => void) => () => void;
  #value: T;
  readonly #upkeep: Upkeep<T>;

  /** `make` gets what there is so far; `rest`: milliseconds between two, at least. */
  constructor(make: (before: T) => Work<T>, first: T, rest: number) {
    const audience = new Audience(
      () => undefined,
      () => this.#upkeep.stop()
    );
    this.subscribe = audience.subscribe;
    this.#value = first;
    this.#upkeep = new Upkeep(
      () => make(this.#value),
      made => {
        this.#value = made;
        audience.tell();
      },
      rest
    );
  }

  readonly get = (): T => this.#value;

  /** `isAnother`: it isn't just what changed in it, somebody chose something else; that is there at once. */
  show(isAnother: boolean): void {
    if (isAnother) {
      this.#upkeep.askNow();
    } else {
      this.#upkeep.ask();
    }
  }
}

/** Something that is found out bit by bit. */
export class Gradual {
  readonly subscribe: (listener: () => void) => () => void;
  readonly #audience: Audience;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #version = 0;

  /** `next`: what is to be done next, of some milliseconds, which answers whether there is something new to be seen; null where nothing is left. */
  constructor(private readonly next: () => (() => boolean) | null) {
    this.#audience = new Audience(
      () => this.work(),
      () => this.#stop()
    );
    this.subscribe = this.#audience.subscribe;
  }

  readonly getVersion = (): number => this.#version;

  /** There may be something to do again. */
  work(): void {
    const slice = this.#timer === null && this.#audience.isThere ? this.next() : null;
    if (slice) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        if (slice()) {
          this.#version += 1;
          this.#audience.tell();
        }
        this.work();
      });
    }
  }

  #stop(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
  }
}
