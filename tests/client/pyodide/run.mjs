// Run a Python program in Pyodide: node run.mjs <pyodide's folder> <folder of packages> <program>
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [runtime, packages, program] = process.argv.slice(2);
try {
  const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`).href);
  const pyodide = await loadPyodide();
  pyodide.mountNodeFS('/packages', packages);
  await pyodide.runPythonAsync(`import sys; sys.path.insert(0, "/packages")`);
  await pyodide.runPythonAsync(readFileSync(program, 'utf8'));
} catch (error) {
  // Only what happened: Node would show the line of Pyodide's code besides, all 38 000 characters of it.
  console.error(error.message);
  process.exit(1);
}
