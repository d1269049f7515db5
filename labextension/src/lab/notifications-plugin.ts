import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { Announcer } from './announcer.js';
import { BrowserNotices } from './browser-notices.js';
import { argumentsOf, CommandIDs, NO_ARGUMENTS, PANEL_ID } from './commands.js';
import { hubOf } from './hub.js';
import { Inspector } from './inspector.js';
import { NewsReader } from './news.js';
import { placeOf } from './place.js';
import { IPreferences, Preferences, type Values } from './preferences.js';
import { Reasons } from './reasons.js';
import { isInSight } from './sight.js';
import { SlownessReader } from './slowness.js';
import { SEEN_FOR_A_WHILE } from './toast.js';
import { wordsOf } from './words.js';

/** How often it is looked for what no event says, milliseconds: that a run has become slow, or somebody silent. */
const LOOKS = 15_000;

/** Tells when tasks fail, when a long run ends, and what else is the matter with runs. */
export const notificationsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:notifications',
  description: 'Notifies of failures, of the end of long runs, and of what else needs attention.',
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
    const inspector = new Inspector(hub);
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
      const { values } = preferences;
      const { notifyOnFailure, notifyOnEndAfter, notifyWhenSlow } = values;
      const ofRuns = notifyOnFailure || notifyOnEndAfter !== null || notifyWhenSlow;
      const wanted = values.notifications && (ofRuns || isInspected(values));
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
      const now = () => Date.now() * 1000;
      const inspect = async () => {
        const projects = list.projects.filter(({ project_id }) => !preferences.isMuted(project_id));
        for (const news of await inspector.look(isInspected(preferences.values) ? projects : [], now)) {
          announcer.tell(news);
        }
      };
      const look = () => {
        if (list.status !== 'live') {
          return;
        }
        if (preferences.values.notifyWhenSlow) {
          slowness.read(list.projects, now()).forEach(news => announcer.tell(news));
        }
        inspect().catch((error: unknown) => console.error('TaskTree: a look at the runs failed', error));
      };
      const stopListening = list.subscribe(read);
      const timer = setInterval(look, LOOKS);
      stop = () => {
        clearInterval(timer);
        stopListening();
        list.close();
        inspector.dispose();
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

function isInspected({ notifyOnSilence, notifyOnRetryLoop }: Values): boolean {
  return notifyOnSilence || notifyOnRetryLoop;
}
