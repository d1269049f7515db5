/**
 * Makes text from anywhere safe to look at, as `display/plain.py` does: it can't reorder or hide what stands around it. Markup is no
 * matter here, since everything is shown as text; a right-to-left override would make a reader see another name than the one that is there.
 */

/* eslint-disable no-control-regex -- these are what it is about */
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[ -/]*[0-Z\\^-~])/g;
const SUSPECT = /[^\u0020-\u007e\u00a1-\u02ff]/;
const SUSPECT_IN_LINES = /[^\n\t\u0020-\u007e\u00a1-\u02ff]/;
/* eslint-enable no-control-regex */
/** Marks in a heap would be painted over the lines above and below. */
const MARK = '[\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f]';
// eslint-disable-next-line no-misleading-character-class -- they are meant one by one
const HEAP = new RegExp(`(${MARK}{4})${MARK}+`, 'g');
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Zero-width, but words of several scripts, and emoji, are spelled with them. */
const JOINERS = '\u200c\u200d';
const LONGEST_LINE = 1000;

/** `text` as one line of at most 1000 characters: breaks and tabs become spaces, what can't be seen or would reorder the line `�`. */
export function seenLine(text: string): string {
  const whole = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
  return SUSPECT.test(whole) ? replaced(whole.replace(ANSI, '').split(/\s+/u).join(' ').trim(), '') : whole;
}

/** The same for text of several lines, which stay; nothing is cut. */
export function seenLines(text: string): string {
  return SUSPECT_IN_LINES.test(text)
    ? replaced(text.replace(ANSI, '').replace(/\r\n?/g, '\n'), '\n\t')
    : text;
}

function replaced(text: string, kept: string): string {
  return text
    .replace(HEAP, '$1')
    .replace(UNSEEN, each => (JOINERS.includes(each) || kept.includes(each) ? each : '\ufffd'));
}
