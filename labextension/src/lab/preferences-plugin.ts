import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator } from '@jupyterlab/translation';
import { CommandIDs, NO_ARGUMENTS } from './commands.js';
import { hubOf } from './hub.js';
import { treeIcon } from './icon.js';
import { IPreferences, Preferences } from './preferences.js';
import { wordsOf } from './words.js';

/** Reads `schema/settings.json`, which is named after it. */
export const preferencesPlugin: JupyterFrontEndPlugin<Preferences> = {
  id: 'tasktree-jupyter:settings',
  description: 'TaskTree’s settings.',
  autoStart: true,
  provides: IPreferences,
  optional: [ISettingRegistry, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = wordsOf(translator);
    const preferences = new Preferences();
    const hub = hubOf(app.serviceManager.serverSettings);
    preferences.changed.connect((_, { maxReconnectAttempts }) => {
      hub.maxAttempts = maxReconnectAttempts ?? Infinity;
    });
    registry?.load(preferencesPlugin.id).then(
      settings => preferences.use(settings),
      (error: unknown) => {
        console.error('TaskTree: the settings can’t be read, the defaults count', error);
      }
    );

    const { commands } = app;
    commands.addCommand(CommandIDs.openSettings, {
      label: trans.__('Settings of Task Trees'),
      caption: trans.__('Open the settings editor at those of TaskTree'),
      icon: treeIcon,
      describedBy: { args: NO_ARGUMENTS },
      isVisible: () => commands.hasCommand('settingeditor:open'),
      isEnabled: () => commands.hasCommand('settingeditor:open'),
      execute: () => commands.execute('settingeditor:open', { query: trans._p('settings', 'Task Trees') })
    });
    palette?.addItem({ command: CommandIDs.openSettings, category: trans.__('Task Trees') });
    return preferences;
  }
};
