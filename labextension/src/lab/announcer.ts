/** Tells of failures and of ends, once each, and not of what the user sees anyway. */
import type { Notification } from '@jupyterlab/apputils';
import type { Status } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { parseTime } from '../core/times.js';
import { formatElapsed } from '../view/index.js';
import type { News } from './news.js';
import { projectTitle } from './panel-model.js';
import type { Preferences } from './preferences.js';
import type { Words } from './words.js';

/** How long it stands before the page, in milliseconds; after that it is among JupyterLab's notifications. */
const FAILURE_SHOWN = 30_000;
const END_SHOWN = 15_000;
/** JupyterLab cuts a message at 140. */
const LONGEST_TITLE = 60;

export interface AnnouncerHost {
  trans: Words;
  preferences: Preferences;
  /** Whether the user has the project before the eyes. */
  isInSight: (projectId: string) => boolean;
  show: (projectId: string, missionId: string) => void;
  /** JupyterLab's `Notification.manager`. */
  manager: Pick<typeof Notification.manager, 'notify' | 'update' | 'dismiss' | 'has'>;
}

export class Announcer {
  /** Of a run that was told to fail: the notification, which counts on. */
  private readonly failing = new Map<string, string>();

  constructor(private readonly host: AnnouncerHost) {}

  tell(news: News): void {
    const { preferences, isInSight } = this.host;
    const { kind, project, run } = news;
    const { notifications, notifyOnFailure, notifyOnEndAfter } = preferences.values;
    const isWanted = notifications && !preferences.isMuted(project.project_id);
    if (kind === 'failed') {
      if (isWanted && notifyOnFailure && !(isInSight(project.project_id) && !this.wasTold(news))) {
        this.failed(news);
      }
      return;
    }
    const seconds = secondsOf(news);
    const isLong = notifyOnEndAfter !== null && seconds !== null && seconds >= notifyOnEndAfter;
    const hasFailed = notifyOnFailure && (run.status === 'failed' || run.rollup.failures > 0);
    if (isWanted && (isLong || hasFailed) && !isInSight(project.project_id)) {
      this.ended(news, seconds);
    }
    this.failing.delete(keyOf(news));
  }

  private wasTold(news: News): boolean {
    return this.failing.has(keyOf(news));
  }

  private failed(news: News): void {
    const { trans, manager } = this.host;
    const title = titleOf(news);
    const { failures } = news.run.rollup;
    const message = trans._n('“%2”: %1 task failed', '“%2”: %1 tasks failed', failures, title);
    const before = this.failing.get(keyOf(news));
    if (before === undefined) {
      const options = { autoClose: FAILURE_SHOWN, actions: this.actions(news) };
      this.failing.set(keyOf(news), manager.notify(message, 'error', options));
    } else {
      // Where somebody closed it, they know that this run fails, and this does nothing.
      manager.update({ id: before, message });
    }
  }

  private ended(news: News, seconds: number | null): void {
    const { manager } = this.host;
    const before = this.failing.get(keyOf(news));
    if (before !== undefined && manager.has(before)) {
      manager.dismiss(before);
    }
    const { status, rollup } = news.run;
    const type =
      status === 'failed'
        ? 'error'
        : rollup.failures > 0
          ? 'warning'
          : status === 'completed'
            ? 'success'
            : 'info';
    const options = { autoClose: type === 'error' ? FAILURE_SHOWN : END_SHOWN, actions: this.actions(news) };
    manager.notify(this.endText(news, seconds), type, options);
  }

  private endText(news: News, seconds: number | null): string {
    const { trans } = this.host;
    const { status, rollup } = news.run;
    const title = titleOf(news);
    const failures = rollup.failures;
    const what = this.endWords(status, title, seconds === null ? null : formatElapsed(seconds * 1_000_000));
    return failures > 0 ? `${what} · ${trans._n('%1 failure', '%1 failures', failures)}` : what;
  }

  private endWords(status: Status, title: string, time: string | null): string {
    const { trans } = this.host;
    const after = time === null ? '' : ` ${trans.__('after %1', time)}`;
    switch (status) {
      case 'failed':
        return trans.__('“%1” failed%2', title, after);
      case 'cancelled':
        return trans.__('“%1” was cancelled%2', title, after);
      case 'skipped':
        return trans.__('“%1” was skipped%2', title, after);
      default:
        return trans.__('“%1” completed%2', title, after);
    }
  }

  private actions({ project, run }: News): Notification.IAction[] {
    const { trans, preferences, show } = this.host;
    const name = projectTitle(project);
    return [
      {
        label: trans.__('Show'),
        caption: trans.__('Show it in the panel'),
        displayType: 'accent',
        callback: () => show(project.project_id, run.mission_id)
      },
      {
        label: trans.__('Mute'),
        caption: trans.__(
          'Tell nothing of %1 any more. Its context menu in the panel turns it on again',
          name
        ),
        callback: () => preferences.mute(project.project_id, true)
      }
    ];
  }
}

function keyOf({ project, run }: News): string {
  return JSON.stringify([project.project_id, run.mission_id]);
}

function titleOf({ project, run }: News): string {
  const title = seenLine(run.title ?? projectTitle(project));
  return title.length > LONGEST_TITLE ? `${title.slice(0, LONGEST_TITLE)}…` : title;
}

function secondsOf({ run }: News): number | null {
  const from = parseTime(run.started_at ?? run.created_at);
  const to = parseTime(run.ended_at);
  return from === null || to === null ? null : Math.max(0, (to - from) / 1_000_000);
}
