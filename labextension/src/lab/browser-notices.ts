/** The browser's own notifications, for a tab that nobody looks at. They are asked for only when somebody says so. */
import type { Preferences } from './preferences.js';

/** `unsupported`: this browser has none, or not for this page. */
export type Permission = 'granted' | 'denied' | 'default' | 'unsupported';

/** As much of the browser's `Notification` as is used here. */
export interface NoticeApi {
  readonly permission: 'granted' | 'denied' | 'default';
  requestPermission(): Promise<'granted' | 'denied' | 'default'>;
  new (
    title: string,
    options: { body: string; tag: string }
  ): { onclick: ((event: Event) => void) | null; close(): void };
}

interface Surroundings {
  api: NoticeApi | null;
  page: Pick<Document, 'visibilityState' | 'addEventListener'>;
  /** Brings the tab to the front. */
  focus: () => void;
}

const ofThePage = (): Surroundings => ({
  api: (globalThis as { Notification?: NoticeApi }).Notification ?? null,
  page: document,
  focus: () => window.focus()
});

export class BrowserNotices {
  private readonly open = new Map<string, { close(): void }>();

  constructor(
    private readonly preferences: Preferences,
    private readonly around: Surroundings = ofThePage()
  ) {
    around.page.addEventListener('visibilitychange', () => {
      if (around.page.visibilityState === 'visible') {
        this.closeAll();
      }
    });
  }

  get permission(): Permission {
    return this.around.api?.permission ?? 'unsupported';
  }

  /** Whether somebody wants them and may have them. */
  get isOn(): boolean {
    return this.preferences.values.browserNotifications && this.permission === 'granted';
  }

  /** Asks the browser, which asks the user: only where the user has just done something that means it. */
  async enable(): Promise<Permission> {
    const { api } = this.around;
    const permission = api ? await api.requestPermission() : 'unsupported';
    this.preferences.set('browserNotifications', permission === 'granted');
    return permission;
  }

  disable(): void {
    this.preferences.set('browserNotifications', false);
    this.closeAll();
  }

  /** Of the same `key` there is one at a time. Nothing happens where the page is seen, or where they aren't on. */
  show(key: string, title: string, body: string, whenClicked: () => void): void {
    const { api, page, focus } = this.around;
    if (!api || !this.isOn || page.visibilityState !== 'hidden') {
      return;
    }
    try {
      const notice = new api(title, { body, tag: `tasktree ${key}` });
      this.open.set(key, notice);
      notice.onclick = () => {
        focus();
        whenClicked();
        notice.close();
      };
    } catch (error) {
      // Some browsers have them for service workers only.
      console.warn('TaskTree: the browser shows no notifications of this page', error);
    }
  }

  private closeAll(): void {
    this.open.forEach(notice => notice.close());
    this.open.clear();
  }
}
