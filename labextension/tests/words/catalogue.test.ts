/** Whether all that people read can be read in every language we ship. `npm run translate` brings the catalogues up to the sources. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { differences, wordsIn, wordsOfSchemas, type Forms } from '../../scripts/catalogue.js';
import { fileOf, languages } from '../../scripts/catalogues.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const said = wordsIn(join(root, 'src'));
const messages = [...said.messages, ...wordsOfSchemas(join(root, 'schema'))];

describe('Every word that people read', () => {
  it('goes through a translator', () => {
    expect(said.untranslated).toEqual([]);
  });

  it('is found in the sources', () => {
    const keys = messages.map(({ key }) => key);
    expect(keys).toEqual(
      expect.arrayContaining(['live', '%2 failed', 'Not connected.', 'schema\u0004Task Trees'])
    );
  });

  it('has one form only, or one for each number, wherever it is said', () => {
    const plurals = new Map<string, string | null>();
    for (const { key, plural, place } of messages) {
      expect(plurals.get(key) ?? plural, place).toBe(plural);
      plurals.set(key, plural);
    }
  });
});

describe.each(languages)('The catalogue of %s', language => {
  const { '': head, ...forms } = JSON.parse(readFileSync(fileOf(language), 'utf8')) as Forms & {
    '': Record<string, string>;
  };
  const { missing, stale, wrong } = differences(messages, forms);

  it('has all of them', () => {
    expect(missing.map(({ key, place }) => `${place} ${key}`)).toEqual([]);
  });

  it('has no others', () => {
    expect(stale).toEqual([]);
  });

  it('has a place for each argument, and two forms where JupyterLab asks for two', () => {
    expect(wrong).toEqual([]);
  });

  it('says what JupyterLab wants to know, and of which version it is', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(head).toMatchObject({ domain: 'tasktree_jupyter', language: language.replace('_', '-'), version });
  });
});

describe('A word that nobody translates is found', () => {
  let src: string;

  beforeEach(() => {
    src = mkdtempSync(join(tmpdir(), 'tasktree-words-'));
    ['core', 'view', 'lab', 'widget'].forEach(room => mkdirSync(join(src, room)));
  });

  afterEach(() => {
    rmSync(src, { recursive: true });
  });

  function untranslated(code: string): string[] {
    writeFileSync(join(src, 'view', 'part.tsx'), code);
    return wordsIn(src).untranslated;
  }

  it.each([
    ['between tags', 'const x = <p>Hello</p>;', 'Hello'],
    ['in a tooltip', 'const x = <p title="Hello" />;', 'Hello'],
    ['for a screen reader', "const x = <p aria-label={open ? 'Close' : words.__('Open')} />;", 'Close'],
    ['as a placeholder', 'const x = <input placeholder="Filter" />;', 'Filter'],
    ['pieced together', 'const x = <p title={`Details of ${name}`} />;', 'Details of \ufffc'],
    ['in the label of a command', "const x = { label: 'Retry' };", 'Retry'],
    ['as a sentence, wherever it stands', "const GONE = 'It was deleted.';", 'It was deleted.'],
    ['looked up, but put together', 'const x = words.__(`run ${n}`);', 'words.__(`run ${n}`)'],
    [
      'looked up by another sentence',
      "const x = words.__(on ? 'Mute' : 'Tell');",
      "words.__(on ? 'Mute' : 'Tell')"
    ]
  ])('%s', (_, code, text) => {
    expect(untranslated(code)).toEqual([`view/part.tsx:1 ${text}`]);
  });

  it.each([
    ['what is translated', "const x = <p title={words.__('Run')}>{words._n('1 run', '%2 runs', n, n)}</p>;"],
    ['classes and shapes', 'const x = <path className={`tt-row ${open} tt-open`} d="M0 0 Lx yz" />;'],
    [
      'what only developers read',
      "console.error('TaskTree: a listener failed', error); throw new TypeError('no such row');"
    ],
    ['keys', "const x = { ArrowDown: 'running', 'aria-live': 'polite' };"],
    ['numbers and signs', 'const x = <p title={`${a} · ${b}`}>×{n} / 12</p>;']
  ])('but not %s', (_, code) => {
    expect(untranslated(code)).toEqual([]);
  });

  it('told by the core, only where it is marked', () => {
    writeFileSync(join(src, 'core', 'part.ts'), "const GONE = translatable('It was deleted.');");
    expect(wordsIn(src).messages).toEqual([
      { key: 'It was deleted.', plural: null, place: 'core/part.ts:1' }
    ]);
  });
});

it('A catalogue’s differences are told', () => {
  const all = [
    { key: 'a', plural: null, place: '1' },
    { key: '%1 b', plural: '%1 bs', place: '2' },
    { key: 'c %1', plural: null, place: '3' }
  ];
  const { missing, stale, wrong } = differences(all, {
    a: [''],
    '%1 b': ['%1 乙'],
    'c %1': ['丙'],
    old: ['旧']
  });
  expect(missing.map(({ key }) => key)).toEqual(['a']);
  expect(stale).toEqual(['old']);
  expect(wrong).toEqual(['%1 b', 'c %1']);
});
