/**
 * What people read, as the sources say it: the texts that are looked up in a catalogue (`words.__('…')`, `trans._n('…', '…', n)`, `translatable('…')`,
 * the settings' titles), and those that aren't, but should be.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

export interface Message {
  /** In the form of JupyterLab's catalogues: after its context and U+0004, where it has one. */
  key: string;
  /** Null where it doesn't depend on a number. */
  plural: string | null;
  place: string;
}

export interface Found {
  messages: Message[];
  /** `file:line text`: words that no catalogue is asked for, and calls whose text isn't written down there. */
  untranslated: string[];
}

const CONTEXT_ENDS = '\u0004';
const LOOKS_UP: Record<string, { text: number; plural: boolean; context: boolean }> = {
  __: { text: 0, plural: false, context: false },
  gettext: { text: 0, plural: false, context: false },
  translatable: { text: 0, plural: false, context: false },
  _n: { text: 0, plural: true, context: false },
  _p: { text: 1, plural: false, context: true },
  _np: { text: 1, plural: true, context: true }
};

/** Rooms whose words people read. */
const ROOMS = ['core', 'view', 'lab', 'widget'];

/** Whatever is told to these people don't read, or read in English: developers do. */
const FOR_DEVELOPERS =
  /^(console\.|new (\w*Error|Map|Set|Token<.*>|Token)$|document\.createElement|Object\.)/;
const ATTRIBUTES = new Set([
  'title',
  'label',
  'alt',
  'placeholder',
  'aria-label',
  'aria-description',
  'aria-roledescription',
  'aria-valuetext'
]);
const NEVER_READ = new Set(['className', 'rel', 'style', 'd', 'viewBox']);
const PROPERTIES = new Set([
  'label',
  'caption',
  'title',
  'text',
  'advice',
  'message',
  'detail',
  'description',
  'usage'
]);

/** All that is said in `src`, a folder with rooms. */
export function wordsIn(src: string): Found {
  const found: Found = { messages: [], untranslated: [] };
  for (const room of ROOMS) {
    for (const file of filesIn(join(src, room))) {
      const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
      readSource(source, relative(src, file), room !== 'core', found);
    }
  }
  return found;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry => {
      const path = join(folder, entry.name);
      return entry.isDirectory()
        ? filesIn(path)
        : /\.tsx?$/.test(path) && !path.endsWith('.d.ts')
          ? [path]
          : [];
    })
    .sort();
}

function readSource(source: ts.SourceFile, name: string, isShown: boolean, found: Found): void {
  const placeOf = (node: ts.Node) =>
    `${name}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`;
  const complain = (node: ts.Node, text: string) => {
    found.untranslated.push(`${placeOf(node)} ${text.replace(/\s+/g, ' ').trim()}`);
  };

  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const callee = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
      const how =
        ts.isIdentifier(callee) && Object.hasOwn(LOOKS_UP, callee.text) ? LOOKS_UP[callee.text] : undefined;
      if (how) {
        const texts = node.arguments.map(argument =>
          ts.isStringLiteralLike(argument) ? argument.text : null
        );
        const [text, plural] = [texts[how.text], how.plural ? texts[how.text + 1] : null];
        const context = how.context ? texts[0] : null;
        if (typeof text === 'string' && plural !== undefined && context !== undefined) {
          const key = context ? `${context}${CONTEXT_ENDS}${text}` : text;
          found.messages.push({ key, plural, place: placeOf(node) });
        } else if (!isLookup(node)) {
          complain(node, node.getText(source));
        }
        node.arguments.forEach((argument, index) => {
          if (index > how.text + (how.plural ? 1 : 0)) {
            visit(argument);
          }
        });
        return;
      }
      if (FOR_DEVELOPERS.test(node.expression.getText(source))) {
        return;
      }
    }
    if (ts.isNewExpression(node) && FOR_DEVELOPERS.test(`new ${node.expression.getText(source)}`)) {
      return;
    }
    if (ts.isJsxAttribute(node) && NEVER_READ.has(node.name.getText(source))) {
      return;
    }
    if (
      ts.isImportDeclaration(node) ||
      ts.isExportDeclaration(node) ||
      ts.isTypeNode(node) ||
      isPlugin(node)
    ) {
      return;
    }
    if (isShown) {
      look(node);
    }
    ts.forEachChild(node, visit);
  };

  const look = (node: ts.Node): void => {
    if (ts.isJsxText(node) && hasWord(node.text)) {
      complain(node, node.text);
    } else if (isText(node)) {
      const text = textOf(node);
      if (hasWord(text) && !text.includes('\n') && (isSentence(text) || isReadAs(node))) {
        complain(node, text);
      }
    }
  };
  visit(source);
}

/** A description of a plugin: English in all of JupyterLab. */
function isPlugin(node: ts.Node): boolean {
  return (
    ts.isPropertyAssignment(node) &&
    node.name.getText() === 'description' &&
    node.parent.properties.some(other => other.name?.getText() === 'autoStart')
  );
}

/** `words.__(NAMES[status])`: the text is written down, and marked, where the table is. */
function isLookup(node: ts.CallExpression): boolean {
  const [text] = node.arguments;
  return (
    text !== undefined && (ts.isElementAccessExpression(text) || ts.isIdentifier(text) || isEscape(text))
  );
}

function isEscape(text: ts.Node): boolean {
  return ts.isCallExpression(text) && text.expression.getText().endsWith('.replaceAll');
}

type Text = ts.StringLiteralLike | ts.TemplateExpression;

function isText(node: ts.Node): node is Text {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

function textOf(node: Text): string {
  return ts.isTemplateExpression(node)
    ? [node.head.text, ...node.templateSpans.map(span => span.literal.text)].join('\ufffc')
    : node.text;
}

function hasWord(text: string): boolean {
  return /\p{L}{2}/u.test(text);
}

/** Two words beside one another that aren't names of classes, of keys or parts of a path. */
function isSentence(text: string): boolean {
  if (text.split(/\s+/).every(token => /^(\ufffc|[a-z]{1,3}-[\w\ufffc-]*|jp-\w+)*$/i.test(token))) {
    return false;
  }
  return /(^|[\s“"(])\p{L}[\p{L}’'-]*[,;:]? +\p{L}[\p{L}’'-]+/u.test(text);
}

/** Whether this is what an attribute or a property holds that people read. */
function isReadAs(node: ts.Node): boolean {
  let above = node.parent;
  while (
    ts.isConditionalExpression(above) ||
    ts.isParenthesizedExpression(above) ||
    ts.isJsxExpression(above) ||
    isFallback(above)
  ) {
    above = above.parent;
  }
  if (ts.isJsxAttribute(above)) {
    return ATTRIBUTES.has(above.name.getText());
  }
  return ts.isPropertyAssignment(above) && PROPERTIES.has(above.name.getText());
}

function isFallback(node: ts.Node): boolean {
  return ts.isBinaryExpression(node) && ['??', '||', '&&'].includes(node.operatorToken.getText());
}

/** What of a settings' schema the server or the panel translates, as jupyterlab_server chooses it. */
export function wordsOfSchemas(folder: string): Message[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .flatMap(name => schemaWords(JSON.parse(readFileSync(join(folder, name), 'utf8')), '', `schema/${name}`));
}

const SELECTORS: [RegExp, string][] = [
  [/^\/properties\/.*\/(title|description)$/, 'settings'],
  [/^\/definitions\/.*\/properties\/.*\/(title|description)$/, 'settings'],
  [/^\/(title|description)$/, 'schema'],
  [/^\/jupyter\.lab\.setting-icon-label$/, 'settings'],
  [/^\/jupyter\.lab\.menus\/.*\/label$/, 'menu'],
  [/^\/jupyter\.lab\.toolbars\/.*\/label$/, 'toolbar']
];

function schemaWords(value: unknown, path: string, place: string): Message[] {
  if (typeof value === 'string') {
    const context = SELECTORS.find(([selector]) => selector.test(path))?.[1];
    return context ? [{ key: `${context}${CONTEXT_ENDS}${value}`, plural: null, place }] : [];
  }
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, below]) => schemaWords(below, `${path}/${key}`, place));
}

/** A language's file: by key its forms, one for each number the language tells apart; "" holds what the language is. */
export type Forms = Record<string, string[]>;

/** How the catalogue and the sources differ. An empty form isn't translated. */
export function differences(
  messages: readonly Message[],
  forms: Forms
): { missing: Message[]; stale: string[]; wrong: string[] } {
  const byKey = new Map(messages.map(message => [message.key, message]));
  const missing = [...byKey.values()].filter(({ key }) => !forms[key]?.every(form => form !== ''));
  const stale = Object.keys(forms).filter(key => key !== '' && !byKey.has(key));
  const wrong = [...byKey.values()]
    .filter(message => {
      const given = forms[message.key];
      const isOdd = given?.length !== emptyForms(message).length;
      return given !== undefined && (isOdd || given.some(form => form !== '' && !fits(message, form)));
    })
    .map(({ key }) => key);
  return { missing, stale, wrong };
}

/** Empty forms for a message: JupyterLab takes two for one that depends on a number, also where they are the same. */
export function emptyForms({ plural }: Message): string[] {
  return plural === null ? [''] : ['', ''];
}

/** A form must have all of its message's places, and no other; the number may be left to the words. */
function fits({ key, plural }: Message, form: string): boolean {
  const text = key.split(CONTEXT_ENDS).at(-1) ?? key;
  const wanted = new Set([...placesIn(text), ...placesIn(plural ?? '')]);
  const given = placesIn(form);
  return [...given].every(place => wanted.has(place)) && [...wanted].every(place => given.has(place));
}

function placesIn(text: string): Set<string> {
  return new Set(text.match(/%\d+/g) ?? []);
}
