/**
 * Marks a sentence that people get to read. The core knows no language: who shows the sentence looks it up in the catalogue
 * (`told` in the view), and `scripts/catalogue.ts` finds it by this mark.
 */
export const translatable = (sentence: string): string => sentence;
