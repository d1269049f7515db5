// Puts beside what tsc wrote what a published package needs besides: the catalogues, which the Python package holds, and the licence.
// node scripts/finish-lib.mjs [folder of lib]
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fileOf, languages } from './catalogues.mjs';

const lib = process.argv[2] ?? fileURLToPath(new URL('../lib', import.meta.url));
await mkdir(join(lib, 'locale'), { recursive: true });
for (const language of languages) {
  await copyFile(fileOf(language), join(lib, 'locale', `${language}.json`));
}
await copyFile(fileURLToPath(new URL('../../LICENSE', import.meta.url)), join(lib, 'LICENSE'));
