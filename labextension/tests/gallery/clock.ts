/** The gallery's time stands still, so that its pictures are the same whenever they are taken. Imported before all else. */
export const NOW = Date.parse('2026-01-31T14:20:00Z');

const RealDate = Date;
let isFixed = true;

class FixedDate extends RealDate {
  constructor(...parts: unknown[]) {
    super(...((isFixed && parts.length === 0 ? [NOW] : parts) as [number]));
  }

  static override now(): number {
    return isFixed ? NOW : RealDate.now();
  }
}

globalThis.Date = FixedDate as DateConstructor;

/** Where something is measured, and where a server is followed, time goes on. */
export function letTimePass(): void {
  isFixed = false;
}
