import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commands.js';
import { hubOf } from './hub.js';
import { IPreferences, Preferences } from './preferences.js';
import { StatusWidget } from './status-widget.js';
import { wordsOf } from './words.js';

/** How many tasks run and have failed, in the status bar. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:status',
  description: 'Shows in the status bar how many tasks run and have failed.',
  autoStart: true,
  optional: [IStatusBar, IPreferences, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    statusBar: IStatusBar | null,
    given: Preferences | null,
    translator: ITranslator | null
  ) => {
    if (!statusBar) {
      return;
    }
    const preferences = given ?? new Preferences();
    const hub = hubOf(app.serviceManager.serverSettings);
    let shown: IDisposable | null = null;
    const update = () => {
      if (preferences.values.statusBar === (shown !== null)) {
        return;
      }
      if (shown) {
        shown.dispose();
        shown = null;
        return;
      }
      const open = () => void app.commands.execute(CommandIDs.openPanel);
      const item = new StatusWidget(hub, open, wordsOf(translator));
      const place = statusBar.registerStatusItem(statusPlugin.id, {
        item,
        align: 'left',
        // After the kernels, before what is about the document in front.
        rank: 3,
        isActive: () => item.hasSomethingToSay,
        activeStateChanged: item.changed
      });
      shown = {
        get isDisposed() {
          return item.isDisposed;
        },
        dispose: () => {
          place.dispose();
          item.dispose();
        }
      };
    };
    preferences.changed.connect(update);
    update();
  }
};
