/** Text in the order in which people count: `fit 9` before `fit 10`, `lr=1e-3` before `lr=0.15` before `lr=0.2`. */

/**
 * A number with a sign, decimals or an exponent begins the text or follows a space or one of `=:,;([`, and has no second point. All others are counted by their digits
 * alone: `v1.9` is before `v1.10`, `1.9.0` before `1.10.0`, and the parts of `2026-01-31` are no negative numbers.
 */
const NUMBER = /(^|[\s=:,;([])([-+−]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)(?!\d|\.\d)|\d+/g;
const DIGITS = 24;

/** A text that stands among others like it as `text` does by its numbers. */
export function natural(text: string): string {
  return text
    .toLowerCase()
    .replace(NUMBER, (found: string, before?: string, number?: string) =>
      number === undefined ? found.padStart(DIGITS, '0') : `${before ?? ''}${sortable(number)}`
    );
}

function sortable(number: string): string {
  if (/^\d+$/.test(number)) {
    return number.padStart(DIGITS, '0');
  }
  const value = Number(number.replace('−', '-'));
  const size = positive(Math.abs(value));
  // The larger the less; a sign sorts before digits, and what ends before others here after them.
  return value < 0 ? `-${size.replace(/\d/g, digit => String(9 - Number(digit)))}~` : size;
}

function positive(value: number): string {
  if (value >= 1e21) {
    return `:${String(Number.isFinite(value) ? Math.floor(Math.log10(value)) : 999).padStart(3, '0')}`;
  }
  const text = value < 1e-6 ? value.toFixed(100).replace(/\.?0+$/, '') : String(value);
  const [whole = '', decimals] = text.split('.');
  return whole.padStart(DIGITS, '0') + (decimals === undefined ? '' : `.${decimals}`);
}
