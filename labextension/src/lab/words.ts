import { nullTranslator, type ITranslator, type TranslationBundle } from '@jupyterlab/translation';

export type Words = TranslationBundle;

/** TaskTree's words in the user's language; English where there is no translator. */
export function wordsOf(translator: ITranslator | null): Words {
  return (translator ?? nullTranslator).load('tasktree_jupyter');
}
