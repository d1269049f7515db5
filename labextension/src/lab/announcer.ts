/** Tells of failures by their kinds, of ends, and of what else is the matter with a run, once each, and not of what the user sees anyway. */
import type { Notification } from '@jupyterlab/apputils';
import type { Status } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { parseTime } from '../core/times.js';
import { failureText, formatCount, formatElapsed, timesText } from '../view/index.js';
import type { BrowserNotices } from './browser-notices.js';
import type { Matter, News } from './news.js';
import { projectTitle } from './panel-model.js';
import type { Preferences } from './preferences.js';
import type { Found, Reasons } from './reasons.js';
import type { Words } from './words.js';

/** JupyterLab makes a notification's toast a moment later, and a change before that never shows in it. Milliseconds. */
const SETTLED = 1_000;
/** How long it stands before the page, in milliseconds; after that it is among JupyterLab's notifications. */
const FAILURE_SHOWN = 30_000;
const END_SHOWN = 15_000;
/** JupyterLab cuts a message at 140. */
const LONGEST_TITLE = 40;
const LONGEST_REASON = 60;

export interface AnnouncerHost {
  trans: Words;
  preferences: Preferences;
  /** Whether the user has the project before the eyes. */
  isInSight: (projectId: string) => boolean;
  show: (projectId: string, missionId: string) => void;
  /** JupyterLab's `Notification.manager`. */
  manager: Pick<typeof Notification.manager, 'notify' | 'update' | 'dismiss' | 'has'>;
  /** Finds out why tasks fail; without it, failures are only counted. */
  reasons?: Pick<Reasons, 'of'>;
  browser?: Pick<BrowserNotices, 'show'>;
  /** Milliseconds until a notification takes a change; see `SETTLED`. */
  settled?: number;
}

interface Failing {
  /** The notification, which counts on. */
  id: string;
  /** Milliseconds since 1970. */
  notifiedAt: number;
  /** The newest word on the run. */
  news: News;
  /** The kinds of failures that were told. */
  told: Set<string>;
  isAsking: boolean;
  isDue: boolean;
}

export class Announcer {
  /** By run, those that were told to fail. */
  private readonly failing = new Map<string, Failing>();

  constructor(private readonly host: AnnouncerHost) {}

  tell(news: News): void {
    const { preferences, isInSight } = this.host;
    const { kind, project, run } = news;
    const { notifyOnFailure, notifyOnEndAfter } = preferences.values;
    const isWanted = this.isWanted(news);
    if (kind === 'failed') {
      if (isWanted && notifyOnFailure && !(isInSight(project.project_id) && !this.wasTold(news))) {
        this.failed(news);
      }
      return;
    }
    if (kind !== 'ended') {
      if (isWanted && this.isMatter(kind) && !isInSight(project.project_id)) {
        this.matter(news);
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

  private isWanted({ project }: News): boolean {
    const { preferences } = this.host;
    return preferences.values.notifications && !preferences.isMuted(project.project_id);
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
    if (before) {
      before.news = news;
      // Once it says why, the next word is why, too.
      if (before.told.size === 0) {
        // Where somebody closed it, they know that this run fails, and this does nothing.
        manager.update({ id: before.id, message });
      }
      this.ask(before);
      return;
    }
    const failing = {
      id: this.failure(news, message),
      notifiedAt: Date.now(),
      news,
      told: new Set<string>(),
      isAsking: false,
      isDue: false
    };
    this.failing.set(keyOf(news), failing);
    this.ask(failing);
  }

  private failure(news: News, message: string): string {
    this.tellBrowser(news, message);
    const options = { autoClose: FAILURE_SHOWN, actions: this.actions(news) };
    return this.host.manager.notify(message, 'error', options);
  }

  /** One question at a time; what happens meanwhile is asked for afterwards. */
  private ask(failing: Failing): void {
    const { reasons } = this.host;
    if (!reasons) {
      return;
    }
    if (failing.isAsking) {
      failing.isDue = true;
      return;
    }
    failing.isAsking = true;
    failing.isDue = false;
    const { project, run } = failing.news;
    reasons
      .of(project.project_id, run.mission_id, run.rollup.leaves)
      .then(found => {
        const explain = () => {
          if (found && this.failing.get(keyOf(failing.news)) === failing) {
            this.explain(failing, found);
          }
        };
        const wait = failing.notifiedAt + (this.host.settled ?? SETTLED) - Date.now();
        if (wait > 0) {
          setTimeout(explain, wait);
        } else {
          explain();
        }
      })
      .catch((error: unknown) => {
        console.error('TaskTree: why tasks failed isn’t known', error);
      })
      .finally(() => {
        failing.isAsking = false;
        if (failing.isDue) {
          this.ask(failing);
        }
      });
  }

  /** A kind of failure that is new is told also to somebody who closed the notification of the others. */
  private explain(failing: Failing, { tree, groups }: Found): void {
    const { trans, manager, preferences, isInSight } = this.host;
    // Somebody may have muted it since it was asked for.
    if (!this.isWanted(failing.news) || !preferences.values.notifyOnFailure) {
      return;
    }
    const fresh = groups.filter(({ key }) => !failing.told.has(key));
    const isThere = manager.has(failing.id);
    const shown = isThere ? groups : fresh;
    const first = shown[0];
    if (!first) {
      return;
    }
    const text = cut(failureText(trans, tree, first), LONGEST_REASON);
    const what = `${text} ${timesText(first.ids.length)}`;
    const others = shown.length - 1;
    const all = others > 0 ? trans._n('%2, and %1 other kind', '%2, and %1 other kinds', others, what) : what;
    const message = trans.__('“%1”: %2', titleOf(failing.news), all);
    const isFirst = failing.told.size === 0;
    groups.forEach(({ key }) => failing.told.add(key));
    if (isThere) {
      manager.update({ id: failing.id, message });
      if (fresh.length > 0) {
        this.tellBrowser(failing.news, message);
      }
    } else if (!isFirst && !isInSight(failing.news.project.project_id)) {
      failing.id = this.failure(failing.news, message);
      failing.notifiedAt = Date.now();
    }
  }

  private isMatter(kind: Matter['kind']): boolean {
    const { notifyWhenSlow, notifyOnSilence, notifyOnRetryLoop } = this.host.preferences.values;
    return {
      slow: notifyWhenSlow,
      stale: notifyOnSilence,
      silent: notifyOnSilence,
      retry: notifyOnRetryLoop
    }[kind];
  }

  private matter(news: Matter): void {
    const message = this.matterText(news);
    this.host.manager.notify(message, 'warning', { autoClose: FAILURE_SHOWN, actions: this.actions(news) });
    this.tellBrowser(news, message, news.kind);
  }

  private matterText(news: Matter): string {
    const { trans } = this.host;
    const title = titleOf(news);
    switch (news.kind) {
      case 'slow':
        return trans.__(
          '“%1” takes longer than usual: %2, usually %3',
          title,
          formatElapsed(news.elapsed, true),
          formatElapsed(news.usual)
        );
      case 'stale':
        return trans._n(
          '“%2”: nothing is heard of %1 running task',
          '“%2”: nothing is heard of %1 running tasks',
          news.count,
          title
        );
      case 'silent':
        return news.count > 1
          ? trans._n('“%2”: %1 agent is silent', '“%2”: %1 agents are silent', news.count, title)
          : trans.__(
              '“%1”: agent “%2” is silent for %3',
              title,
              lineOf(news.agent),
              formatElapsed(news.silence, true)
            );
      case 'retry':
        return news.count > 1
          ? trans._n(
              '“%2”: %1 task is tried again and again',
              '“%2”: %1 tasks are tried again and again',
              news.count,
              title
            )
          : trans.__('“%1”: “%2” is at attempt %3', title, lineOf(news.task), formatCount(news.attempt));
    }
  }

  private tellBrowser(news: News, message: string, matter = ''): void {
    const { browser, show } = this.host;
    const { project, run } = news;
    browser?.show(`${keyOf(news)}${matter}`, message, projectTitle(project), () =>
      show(project.project_id, run.mission_id)
    );
  }

  private ended(news: News, seconds: number | null): void {
    const { manager } = this.host;
    const before = this.failing.get(keyOf(news));
    if (before && manager.has(before.id)) {
      manager.dismiss(before.id);
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
    const message = this.endText(news, seconds);
    manager.notify(message, type, options);
    this.tellBrowser(news, message);
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
  return lineOf(run.title ?? projectTitle(project));
}

function lineOf(text: string): string {
  return cut(seenLine(text), LONGEST_TITLE);
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function secondsOf({ run }: News): number | null {
  const from = parseTime(run.started_at ?? run.created_at);
  const to = parseTime(run.ended_at);
  return from === null || to === null ? null : Math.max(0, (to - from) / 1_000_000);
}
