// Runs a TypeScript file: node scripts/run.mjs <file> [arguments]
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [file, ...args] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'tasktree-'));
const outfile = join(folder, 'script.cjs');
try {
  await build({
    absWorkingDir: fileURLToPath(new URL('..', import.meta.url)),
    entryPoints: [file],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // CommonJS has none. The scripts stand in one folder, so that this is every one's.
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    logLevel: 'warning'
  });
  const { status } = spawnSync(process.execPath, [outfile, ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  await rm(folder, { recursive: true });
}
