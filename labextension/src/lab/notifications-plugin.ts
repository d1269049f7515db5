import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { Announcer } from './announcer.js';
import { BrowserNotices } from './browser-notices.js';
import { argumentsOf, CommandIDs, NO_ARGUMENTS, PANEL_ID } from './commands.js';
import { hubOf } from './hub.js';
import { NewsReader } from './news.js';
import { placeOf } from './place.js';
import { IPreferences, Preferences } from './preferences.js';
import { Reasons } from './reasons.js';
import { isInSight } from './sight.js';
import { SlownessReader } from './slowness.js';
import { SEEN_FOR_A_WHILE } from './toast.js';
import { wordsOf } from './words.js';

/** How often it is seen whether a run has become slow, milliseconds: no event says so. */
const LOOKS = 15_000;

/** Tells when tasks fail and when a long run ends. */
export const notificationsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:notifications',
  description: 'Notifies of failures and of the end of long runs.',
  autoStart: true,
  optional: [IPreferences, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    given: Preferences | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = wordsOf(translator);
    const preferences = given ?? new Preferences();
    const { commands } = app;
    const hub = hubOf(app.serviceManager.serverSettings);
    const browser = new BrowserNotices(preferences);
    const slowness = new SlownessReader();
    const announcer = new Announcer({
      trans,
      preferences,
      isInSight,
      show: (projectId, missionId) =>
        void commands.execute(CommandIDs.openPanel, { project_id: projectId, mission_id: missionId }),
      manager: Notification.manager,
      reasons: new Reasons(hub),
      browser
    });

    let stop: (() => void) | null = null;
    const listen = () => {
      const { notifications, notifyOnFailure, notifyOnEndAfter, notifyWhenSlow } = preferences.values;
      const wanted = notifications && (notifyOnFailure || notifyOnEndAfter !== null || notifyWhenSlow);
      if (wanted === (stop !== null)) {
        return;
      }
      if (stop) {
        stop();
        stop = null;
        return;
      }
      const list = hub.watchProjects();
      const reader = new NewsReader();
      const read = () => {
        if (list.status === 'live') {
          reader.read(list.projects).forEach(news => announcer.tell(news));
        }
      };
      const lookForSlow = () => {
        if (list.status === 'live' && preferences.values.notifyWhenSlow) {
          slowness.read(list.projects, Date.now() * 1000).forEach(news => announcer.tell(news));
        }
      };
      const stopListening = list.subscribe(read);
      const timer = setInterval(lookForSlow, LOOKS);
      stop = () => {
        clearInterval(timer);
        stopListening();
        list.close();
      };
      read();
    };
    preferences.changed.connect(listen);
    listen();

    preferences.changed.connect(() => commands.notifyCommandChanged());
    commands.addCommand(CommandIDs.toggleNotifications, {
      label: trans.__('Notifications of Task Trees'),
      caption: trans.__('Notify when tasks fail and when long runs end'),
      describedBy: { args: NO_ARGUMENTS },
      isToggleable: true,
      isToggled: () => preferences.values.notifications,
      execute: () => preferences.set('notifications', !preferences.values.notifications)
    });
    commands.addCommand(CommandIDs.toggleBrowserNotifications, {
      label: trans.__('Enable Browser Notifications of Task Trees'),
      caption: trans.__(
        'Notify by the browser, too, while this tab is hidden; the browser asks whether it may'
      ),
      describedBy: { args: NO_ARGUMENTS },
      isToggleable: true,
      isToggled: () => browser.isOn,
      execute: async () => {
        if (browser.isOn) {
          browser.disable();
          return;
        }
        const permission = await browser.enable();
        commands.notifyCommandChanged(CommandIDs.toggleBrowserNotifications);
        if (permission === 'unsupported') {
          Notification.warning(
            trans.__('This browser has no notifications for this page.'),
            SEEN_FOR_A_WHILE
          );
        } else if (permission !== 'granted') {
          Notification.warning(
            trans.__(
              'The browser allows no notifications of this page: change that in its settings for this site.'
            ),
            SEEN_FOR_A_WHILE
          );
        }
      }
    });
    commands.addCommand(CommandIDs.muteProject, {
      label: trans.__('Mute This Project'),
      caption: trans.__('Notify of nothing in this project'),
      describedBy: { args: argumentsOf(trans, 'project_id', 'pointed') },
      isToggleable: true,
      isEnabled: args => placeOf(args, app, PANEL_ID) !== null,
      isToggled: args => {
        const place = placeOf(args, app, PANEL_ID);
        return place !== null && preferences.isMuted(place.projectId);
      },
      execute: args => {
        const place = placeOf(args, app, PANEL_ID);
        if (place) {
          preferences.mute(place.projectId, !preferences.isMuted(place.projectId));
        }
      }
    });
    const category = trans.__('Task Trees');
    palette?.addItem({ command: CommandIDs.toggleNotifications, category });
    palette?.addItem({ command: CommandIDs.toggleBrowserNotifications, category });
    palette?.addItem({ command: CommandIDs.muteProject, category });
  }
};
