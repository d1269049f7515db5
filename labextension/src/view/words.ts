/** What the views say, in the language of whoever mounts them. */
import { createContext, useContext } from 'react';

/** As much of JupyterLab's `TranslationBundle` as is used here, so that one can be given as it is. */
export interface Words {
  /** `%1`, `%2`, … in the text stand for the arguments, `%%` for a percent sign. */
  __(msgid: string, ...args: unknown[]): string;
  /** `n` picks the form and is `%1`; the arguments begin with `%2`. */
  _n(singular: string, plural: string, n: number, ...args: unknown[]): string;
}

/** A language as JupyterLab's language packs have it (Jed 2): forms by msgid, and under "" what the language is. */
export type Catalogue = Record<string, unknown>;

export const english: Words = {
  __: (msgid, ...args) => fill(msgid, args),
  _n: (singular, plural, n, ...args) => fill(n === 1 ? singular : plural, [n, ...args])
};

/** Where there is no JupyterLab to do it. Only for languages that have one form for every number; what is missing stays English. */
export function wordsOf(catalogue: Catalogue): Words {
  const formOf = (msgid: string): string | null => {
    const forms = Object.hasOwn(catalogue, msgid) ? catalogue[msgid] : null;
    const form: unknown = Array.isArray(forms) ? forms[0] : null;
    return typeof form === 'string' && form !== '' ? form : null;
  };
  return {
    __: (msgid, ...args) => fill(formOf(msgid) ?? msgid, args),
    _n: (singular, plural, n, ...args) => {
      const form = formOf(singular);
      return form === null ? english._n(singular, plural, n, ...args) : fill(form, [n, ...args]);
    }
  };
}

function fill(text: string, args: readonly unknown[]): string {
  return text.replace(/%(%|\d+)/g, (_, which: string) =>
    which === '%' ? '%' : String(args[Number(which) - 1])
  );
}

/** A sentence from the core or the server: translated where the catalogue has it, else as it came. */
export function told(words: Words, sentence: string): string {
  return words.__(sentence.replaceAll('%', '%%'));
}

/** `a, b, c` */
export function listed(words: Words, parts: readonly string[]): string {
  return parts.length === 0 ? '' : parts.reduce((before, next) => words.__('%1, %2', before, next));
}

export const WordsContext = createContext<Words>(english);

/** English where nobody gave a language. */
export function useWords(): Words {
  return useContext(WordsContext);
}
