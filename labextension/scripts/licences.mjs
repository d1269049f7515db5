// Which packages a bundle carries, with the texts of their licences, in the form JupyterLab's own build writes.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * @param {string[]} inputs paths of bundled files, relative to `root`
 * @param {string} root folder of package.json
 */
export async function licencesOf(inputs, root) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input.replaceAll('\\', '/'));
    if (found) {
      folders.add(join(root, found[1]));
    }
  }
  const packages = await Promise.all([...folders].map(licenceIn));
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function licenceIn(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).find(entry => /^(licen[cs]e|copying)/i.test(entry));
  if (!file || !license) {
    throw new Error(`${name} is bundled, but says nothing about its licence`);
  }
  return {
    name,
    versionInfo: version,
    licenseId: license,
    extractedText: await readFile(join(folder, file), 'utf8')
  };
}
