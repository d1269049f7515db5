/** Tells listeners of changes, once before each paint, however many there were. */
import type { Cancel, Environment } from './environment.js';
import type { Listenable } from './listenable.js';

export class Notifier implements Listenable {
  private readonly listeners = new Set<() => void>();
  private version = 0;
  private cancel: Cancel | null = null;

  constructor(private readonly environment: Pick<Environment, 'beforePaint'>) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    // Its own object, so that a listener given twice is there twice.
    const entry = () => listener();
    this.listeners.add(entry);
    return () => {
      this.listeners.delete(entry);
    };
  };

  readonly getVersion = (): number => this.version;

  changed(): void {
    this.cancel ??= this.environment.beforePaint(() => {
      this.cancel = null;
      this.version++;
      for (const listener of [...this.listeners]) {
        try {
          listener();
        } catch (error) {
          console.error('TaskTree: a listener failed', error);
        }
      }
    });
  }

  dispose(): void {
    this.cancel?.();
    this.cancel = null;
    this.listeners.clear();
  }
}
