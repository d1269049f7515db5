/** Whether a text tells a number already, in whatever rounding. */

const NUMBER = String.raw`(-?\d*\.?\d+(?:e[-+]?\d+)?)(\s*%)?`;
const BETWEEN = String.raw`[^\p{L}\p{N}]*`;

/** Whether `text` gives `name` the value that `written` gives it: `best auc: 0.9367`, `AUC=0.94` and `auc 93.7 %` say that it is 0.937. */
export function says(text: string, name: string, written: string): boolean {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(word => word !== '');
  if (words.length === 0) {
    return false;
  }
  const pattern = new RegExp(`(?:^|[^\\p{L}\\p{N}_])${words.join(BETWEEN)}${BETWEEN}?${NUMBER}`, 'giu');
  return [...text.matchAll(pattern)].some(([, number = '', percent]) =>
    isSame(numberOf(number, percent === undefined ? 0 : 2), numberOf(written, 0))
  );
}

interface Rounded {
  value: number;
  /** How many digits after the point it is rounded to; -3: to thousands. */
  digits: number;
}

function numberOf(text: string, shift: number): Rounded {
  const [, decimals = '', exponent = '0'] = /^[^.e]*(?:\.(\d+))?(?:e(.+))?$/i.exec(text) ?? [];
  return { value: Number(text) / 10 ** shift, digits: decimals.length - Number(exponent) + shift };
}

/** What is rounded more than that for its size tells no number: the 1 of "accuracy 1 of 5 folds" isn't 0.941. */
const COARSEST = 0.1;

/** Whether both may be roundings of one number: they differ by no more than either can be off. */
function isSame(one: Rounded, other: Rounded): boolean {
  const off = ({ digits }: Rounded) => 0.5 / 10 ** digits;
  const isCoarse = (each: Rounded) => off(each) > COARSEST * Math.abs(each.value);
  const most = one.digits === other.digits || isCoarse(one) || isCoarse(other) ? 0 : off(one) + off(other);
  // What binary fractions are off by is no difference.
  return Math.abs(one.value - other.value) <= most + 1e-9 * Math.abs(other.value);
}
