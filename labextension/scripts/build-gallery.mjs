// Bundles the gallery of views (tests/gallery) into a folder: node scripts/build-gallery.mjs <folder>
import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { catalogues } from './catalogues.mjs';

const [folder] = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: root,
  entryPoints: { gallery: 'tests/gallery/index.tsx' },
  outdir: folder,
  bundle: true,
  format: 'iife',
  target: 'es2022',
  jsx: 'automatic',
  alias: catalogues,
  loader: { '.woff': 'file', '.woff2': 'file', '.svg': 'text' },
  define: { 'process.env.NODE_ENV': '"production"' },
  legalComments: 'none',
  logLevel: 'warning'
});

const page = `<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="gallery.css">
<script src="themes.js"></script>
<body></body>
<script src="gallery.js"></script>
`;
await writeFile(join(folder, 'index.html'), page);
