/** How the numbers of one column are written: their points below each other, so that sizes are seen at a glance. */

/** Digits that tell one value from another; the rest is in the cell's tooltip and in what is copied. */
const SIGNIFICANT = 4;
/** Decimals of a column, at most: what needs more and is small has an exponent of its own. */
const MOST = 6;
const SMALL = 1e-4;

/** What a column's numbers have in common. */
export interface NumberShape {
  decimals: number;
  /** Characters of the longest. */
  length: number;
}

/** Finds out, number by number, how many decimals all of them need. */
export class NumberColumn {
  #decimals = 0;
  #least = Infinity;
  #most = -Infinity;
  #longest = 0;
  /** From here on a number needs no more decimals than are known to be needed. */
  #enough = 10 ** (SIGNIFICANT - 1);

  add(value: number): void {
    const size = Math.abs(value);
    if (!Number.isFinite(value)) {
      this.#longest = Math.max(this.#longest, numberText(value).length);
      return;
    }
    if (size < this.#enough && !Number.isInteger(value)) {
      const decimals = decimalsOf(value);
      if (hasExponent(size, decimals)) {
        this.#longest = Math.max(this.#longest, numberText(value).length);
        return;
      }
      this.#decimals = Math.max(this.#decimals, Math.min(decimals, MOST));
      this.#enough = 10 ** (SIGNIFICANT - 1 - this.#decimals);
    }
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
  }

  get shape(): NumberShape {
    const ends = [this.#least, this.#most].filter(Number.isFinite);
    const lengths = ends.map(value => numberText(value, this.#decimals).length);
    return { decimals: this.#decimals, length: Math.max(this.#longest, ...lengths) };
  }
}

/** A sign and an infinity as mathematicians write them; never more digits than the number has, but for zeros at the end. */
export function numberText(value: number, decimals = 0): string {
  if (Number.isNaN(value)) {
    return 'NaN';
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? '∞' : '−∞';
  }
  const text = hasExponent(Math.abs(value), decimalsOf(value))
    ? value.toExponential(SIGNIFICANT - 1).replace(/\.?0+e/, 'e')
    : value.toFixed(decimals);
  return text.replace(/^-/, '−');
}

/** Whether it is too small for the decimals that a column may have. */
function hasExponent(size: number, decimals: number): boolean {
  return decimals > MOST && size < SMALL;
}

/** How many it has after the point, rounded to the digits that count. */
function decimalsOf(value: number): number {
  if (Number.isInteger(value)) {
    return 0;
  }
  const [digits = '', exponent = '0'] = value.toExponential(SIGNIFICANT - 1).split('e');
  const after = digits.replace(/\.?0+$/, '').split('.')[1]?.length ?? 0;
  return Math.max(0, after - Number(exponent));
}
