// Where bundlers find the catalogues, which the Python package holds: by the name that sources import them by.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../tasktree_jupyter/locale/', import.meta.url));

/** `zh_CN`, … */
export const languages = readdirSync(folder).filter(name => /^[a-z]{2,3}(_[A-Z]{2})?$/.test(name));

export const fileOf = language => `${folder}${language}/LC_MESSAGES/tasktree_jupyter.json`;

export const catalogues = Object.fromEntries(
  languages.map(language => [`tasktree-catalogues/${language}`, fileOf(language)])
);
