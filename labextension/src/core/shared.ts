/** Something several views hold at once. It is let go shortly after the last one did: views come and go together. */
import type { Cancel, Environment } from './environment.js';
import { Notifier } from './notifier.js';

/** Milliseconds. */
const GRACE = 3_000;

export class Shared {
  readonly notifier: Notifier;
  private holders = 0;
  private cancelLeaving: Cancel | null = null;

  constructor(
    protected readonly environment: Environment,
    private readonly leave: () => void
  ) {
    this.notifier = new Notifier(environment);
  }

  /** Returns how to let go; letting go twice is letting go once. */
  hold(): () => void {
    this.holders++;
    this.cancelLeaving?.();
    this.cancelLeaving = null;
    let isHeld = true;
    return () => {
      if (!isHeld) {
        return;
      }
      isHeld = false;
      this.holders--;
      if (this.holders === 0) {
        this.cancelLeaving = this.environment.after(GRACE, () => {
          this.notifier.dispose();
          this.leave();
        });
      }
    };
  }
}
