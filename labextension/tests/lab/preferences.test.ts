import { readFileSync } from 'node:fs';
import { Signal } from '@lumino/signaling';
import { describe, expect, test } from 'vitest';
import { CommandIDs } from '../../src/lab/commands.js';
import { DEFAULTS, Preferences } from '../../src/lab/preferences.js';

interface Schema {
  properties: Record<string, { default: unknown }>;
  'jupyter.lab.menus': {
    main: { items: { command: string }[] }[];
    context: { command?: string; selector: string }[];
  };
  'jupyter.lab.shortcuts': { command: string }[];
}

const schema = JSON.parse(readFileSync('schema/settings.json', 'utf-8')) as Schema;

/** As JupyterLab's settings: `set` changes what is composite, and tells. */
class Stored {
  readonly changed = new Signal<this, void>(this);

  constructor(public composite: Record<string, never>) {}

  set(name: string, value: unknown): Promise<void> {
    this.change({ [name]: value });
    return Promise.resolve();
  }

  change(values: Record<string, unknown>): void {
    this.composite = { ...this.composite, ...values } as never;
    this.changed.emit();
  }
}

describe('the schema', () => {
  test('says the same defaults as the code that has none yet', () => {
    const given = Object.entries(schema.properties).map(([name, { default: value }]) => [name, value]);
    expect(Object.fromEntries(given)).toEqual(DEFAULTS);
  });

  test('names only commands that there are, in selectors that JupyterLab takes', () => {
    const { main, context } = schema['jupyter.lab.menus'];
    const named = [...main.flatMap(({ items }) => items), ...context, ...schema['jupyter.lab.shortcuts']];
    const commands = named.map(({ command }) => command).filter(command => command !== undefined);
    expect(Object.values(CommandIDs)).toEqual(expect.arrayContaining(commands));
    expect(context.filter(({ selector }) => selector.includes(','))).toEqual([]);
  });
});

describe('preferences', () => {
  test('are the defaults until they are read, then what is set, at once', () => {
    const preferences = new Preferences();
    expect(preferences.values).toEqual(DEFAULTS);
    const stored = new Stored({});
    const heard: boolean[] = [];
    preferences.changed.connect((_, { statusBar }) => heard.push(statusBar));
    preferences.use(stored);
    stored.change({ statusBar: false, followNotebook: false });
    expect(preferences.values).toEqual({ ...DEFAULTS, statusBar: false, followNotebook: false });
    expect(heard).toEqual([true, false]);
  });

  test('keep what a command changes', () => {
    const preferences = new Preferences();
    const stored = new Stored({});
    preferences.use(stored);
    preferences.mute('a', true);
    preferences.mute('b', true);
    preferences.mute('a', true);
    expect(stored.composite).toEqual({ mutedProjects: ['b', 'a'] });
    preferences.mute('b', false);
    expect([preferences.isMuted('a'), preferences.isMuted('b')]).toEqual([true, false]);
  });

  test('work where nothing can be kept', () => {
    const preferences = new Preferences();
    preferences.set('notifications', false);
    expect(preferences.values.notifications).toBe(false);
  });
});
