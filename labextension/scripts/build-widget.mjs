// Bundles the widget with all it needs into tasktree_jupyter/static/, and beside it the licences of what it carries.
import { build } from 'esbuild';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { catalogues } from './catalogues.mjs';
import { licencesOf } from './licences.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const static_ = fileURLToPath(new URL('../../tasktree_jupyter/static/', import.meta.url));
const minify = process.argv.includes('--minify');

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/widget/index.tsx'],
  outfile: `${static_}widget.js`,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  alias: catalogues,
  loader: { '.css': 'text', '.svg': 'text' },
  // React decides by this which of its two builds it is.
  define: { 'process.env.NODE_ENV': JSON.stringify(minify ? 'production' : 'development') },
  legalComments: 'none',
  minify,
  metafile: true,
  logLevel: 'warning'
});

const packages = await licencesOf(Object.keys(metafile.inputs), root);
await mkdir(static_, { recursive: true });
await writeFile(`${static_}third-party-licenses.json`, JSON.stringify({ packages }, null, 2) + '\n');
const [output] = Object.values(metafile.outputs);
console.log(
  `widget.js: ${Math.round(output.bytes / 1024)} KiB, with ${packages.map(p => p.name).join(', ')}`
);
