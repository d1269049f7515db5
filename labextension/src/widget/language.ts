/** A widget has no translator: the page, or else the browser, says which language it is in. */
import zhCN from 'tasktree-catalogues/zh_CN';
import { english, wordsOf, type Words } from '../view/index.js';

/** `language`: a BCP 47 tag. English where we don't speak it; traditional Chinese is another language. */
export function wordsFor(language: string): Words {
  return /^zh(?!-(hant|tw|hk|mo)\b)(-|$)/i.test(language) ? wordsOf(zhCN) : english;
}
