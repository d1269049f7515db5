import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { Announcer } from './announcer.js';
import { argumentsOf, CommandIDs, NO_ARGUMENTS, PANEL_ID } from './commands.js';
import { hubOf } from './hub.js';
import { NewsReader } from './news.js';
import { placeOf } from './place.js';
import { IPreferences, Preferences } from './preferences.js';
import { isInSight } from './sight.js';
import { wordsOf } from './words.js';

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
    const announcer = new Announcer({
      trans,
      preferences,
      isInSight,
      show: (projectId, missionId) =>
        void commands.execute(CommandIDs.openPanel, { project_id: projectId, mission_id: missionId }),
      manager: Notification.manager
    });

    let stop: (() => void) | null = null;
    const listen = () => {
      const { notifications, notifyOnFailure, notifyOnEndAfter } = preferences.values;
      const wanted = notifications && (notifyOnFailure || notifyOnEndAfter !== null);
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
      const stopListening = list.subscribe(read);
      stop = () => {
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
    palette?.addItem({ command: CommandIDs.muteProject, category });
  }
};
