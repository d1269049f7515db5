/**
 * Brings the catalogues up to the sources: `npm run translate`. New texts come in empty, to be filled in by hand; those that nobody says any more
 * go. `npm run translate -- file.json` fills in what that file, of the same form, has.
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { differences, emptyForms, wordsIn, wordsOfSchemas, type Forms } from './catalogue.js';
import { fileOf, languages } from './catalogues.mjs';

// npm runs this in the folder of package.json.
const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

const { messages, untranslated } = wordsIn('src');
messages.push(...wordsOfSchemas('schema'));
const given = process.argv[2] === undefined ? {} : (read(process.argv[2]) as Forms);
const { version } = read('package.json') as { version: string };

for (const language of languages) {
  const { '': head, ...known } = read(fileOf(language)) as Forms & { '': object };
  const all: Forms = {};
  for (const message of messages) {
    all[message.key] =
      [given[message.key], known[message.key]].find(each => each?.[0]) ?? emptyForms(message);
  }
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(fileOf(language), `${JSON.stringify({ '': { ...head, version }, ...sorted }, null, 2)}\n`);
  const { missing, wrong } = differences(messages, sorted);
  missing.forEach(({ key, place }) => console.log(`${language} lacks ${JSON.stringify(key)} (${place})`));
  wrong.forEach(key => console.log(`${language} has other places or forms in ${JSON.stringify(key)}`));
}
untranslated.forEach(each => console.log(`not translatable: ${each}`));
