// Puts the JavaScript of src/ into lib/, for the labextension. `npm run build:lib` does the same by tsc, which checks types and
// writes them for the npm package, and takes ten times as long.
import { build } from 'esbuild';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = await readdir(`${root}src`, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: files
    .filter(file => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))
    .map(file => `src/${file}`),
  outdir: 'lib',
  outbase: 'src',
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  sourcemap: true,
  logLevel: 'warning'
});
