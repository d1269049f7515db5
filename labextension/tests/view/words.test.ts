/** Our own way of looking words up, against JupyterLab's. */
import { Gettext } from '@jupyterlab/translation/lib/gettext.js';
import catalogue from 'tasktree-catalogues/zh_CN';
import { describe, expect, it } from 'vitest';
import { english, listed, told, wordsOf, type Catalogue } from '../../src/view/words.js';

const chinese = catalogue as Catalogue & { '': { plural_forms: string } };

/** As JupyterLab's TranslationManager makes it. */
function jupyterlab(locale: string): Gettext {
  const bundle = new Gettext({ domain: 'tasktree_jupyter', locale });
  if (locale !== 'en') {
    const head = { ...chinese[''], pluralForms: chinese[''].plural_forms };
    bundle.loadJSON({ ...chinese, '': head } as never, 'tasktree_jupyter');
  }
  return bundle;
}

describe.each([
  ['en', english],
  ['zh_CN', wordsOf(chinese)]
])('In %s, words are the same as in JupyterLab', (locale, words) => {
  const theirs = jupyterlab(locale);
  const args = ['a', 'b', 'c'];

  it.each(Object.keys(chinese).filter(key => key !== '' && !key.includes('\u0004')))('%s', key => {
    if ((chinese[key] as string[]).length > 1) {
      for (const n of [0, 1, 2, 6480]) {
        expect(words._n(key, `${key}s`, n, ...args)).toBe(theirs._n(key, `${key}s`, n, ...args));
      }
    } else {
      expect(words.__(key, ...args)).toBe(theirs.__(key, ...args));
    }
  });
});

describe('Words', () => {
  const words = wordsOf({
    hello: ['你好'],
    empty: [''],
    '%1 of %2': ['%2 中的 %1'],
    odd: 'text',
    toString: []
  });

  it('that a language lacks stay English', () => {
    expect(['hello', 'empty', 'odd', 'toString', 'valueOf'].map(each => words.__(each))).toEqual([
      '你好',
      'empty',
      'odd',
      'toString',
      'valueOf'
    ]);
    expect(words._n('1 thing', '%2 things', 3, '3')).toBe('3 things');
    expect(words._n('1 thing', '%2 things', 1, '1')).toBe('1 thing');
  });

  it('take their arguments where the language has them', () => {
    expect(words.__('%1 of %2', '3 %1', '10 %')).toBe('10 % 中的 3 %1');
  });

  it('of a server that says “100 % of %1” are told as they are', () => {
    expect(told(words, '100 % of %1')).toBe('100 % of %1');
    expect(told(words, 'hello')).toBe('你好');
    expect(told(jupyterlab('zh_CN'), '100 % of %1')).toBe('100 % of %1');
  });

  it('are listed as the language does', () => {
    expect(listed(english, [])).toBe('');
    expect(listed(english, ['a', 'b', 'c'])).toBe('a, b, c');
    expect(listed(wordsOf(chinese), ['a', 'b', 'c'])).toBe('a、b、c');
  });
});
