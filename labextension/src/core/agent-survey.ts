/** Who is at work in a tree that goes on growing: counted now and then, a few milliseconds at a time. */
import { surveyed, type AgentRow } from './agents.js';
import { browser, type Cancel, type Environment } from './environment.js';
import type { Listenable } from './listenable.js';
import { Notifier } from './notifier.js';
import type { TreeReader } from './reader.js';

/** Milliseconds between two counts, and how long one may keep the page. */
const PAUSE = 1_000;
const SLICE = 8;

export class AgentSurvey implements Listenable {
  readonly subscribe: Listenable['subscribe'];
  readonly getVersion: Listenable['getVersion'];
  private readonly notifier: Notifier;
  private found: readonly AgentRow[] | null = null;
  private counted = -1;
  private running: Generator<undefined, AgentRow[], undefined> | null = null;
  private cancel: Cancel | null = null;

  constructor(
    private readonly tree: TreeReader,
    private readonly roots: readonly string[],
    private readonly environment: Pick<Environment, 'after' | 'beforePaint' | 'now'> = browser
  ) {
    this.notifier = new Notifier(environment);
    this.subscribe = this.notifier.subscribe;
    this.getVersion = this.notifier.getVersion;
    this.count();
  }

  /** Null until they were counted for the first time. */
  get rows(): readonly AgentRow[] | null {
    return this.found;
  }

  open(): () => void {
    this.schedule(this.running ? 0 : PAUSE);
    return () => {
      this.cancel?.();
      this.cancel = null;
    };
  }

  private schedule(wait: number): void {
    this.cancel = this.environment.after(wait, () => {
      this.count();
      this.schedule(this.running ? 0 : PAUSE);
    });
  }

  /** A slice of it, if the tree is another than when it was counted last. */
  private count(): void {
    if (!this.running && this.counted === this.tree.version) {
      return;
    }
    const began = this.environment.now();
    if (!this.running) {
      this.counted = this.tree.version;
      this.running = surveyed(this.tree, this.roots);
    }
    while (this.environment.now() - began < SLICE) {
      const step = this.running.next();
      if (step.done) {
        this.found = step.value;
        this.running = null;
        this.notifier.changed();
        break;
      }
    }
  }
}
