import { beforeEach, expect, test } from 'vitest';
import { BrowserNotices } from '../../src/lab/browser-notices.js';
import { Preferences } from '../../src/lab/preferences.js';

/** The browser's notifications, as far as a test needs them. */
class Notice {
  static permission: 'granted' | 'denied' | 'default';
  static answer: 'granted' | 'denied' | 'default';
  static asked: number;
  static shown: Notice[];
  onclick: (() => void) | null = null;
  closed = false;

  constructor(
    readonly title: string,
    readonly options: { body: string; tag: string }
  ) {
    Notice.shown.push(this);
  }

  static requestPermission(): Promise<'granted' | 'denied' | 'default'> {
    Notice.asked += 1;
    Notice.permission = Notice.answer;
    return Promise.resolve(Notice.answer);
  }

  close(): void {
    this.closed = true;
  }
}

let preferences: Preferences;
let page: {
  visibilityState: DocumentVisibilityState;
  addEventListener: (type: string, call: () => void) => void;
};
let turned: () => void;
let focused: number;
let notices: BrowserNotices;

beforeEach(() => {
  Object.assign(Notice, { permission: 'default', answer: 'granted', asked: 0, shown: [] });
  preferences = new Preferences();
  focused = 0;
  page = {
    visibilityState: 'hidden',
    addEventListener: (_, call) => {
      turned = call;
    }
  };
  notices = new BrowserNotices(preferences, {
    api: Notice,
    page: page as never,
    focus: () => {
      focused += 1;
    }
  });
});

const opened: string[] = [];
const show = (key = 'run') => notices.show(key, '“Sweep” failed', 'nightly', () => opened.push(key));

test('nothing is asked of the browser and nothing shown before somebody enables it, whatever the setting says', () => {
  show();
  preferences.set('browserNotifications', true);
  show();
  expect(Notice.asked).toBe(0);
  expect(Notice.shown).toEqual([]);
  expect(notices.isOn).toBe(false);
});

test('enabled, it tells what happened while the page was hidden, once a run, and is gone when the page is seen', async () => {
  expect(await notices.enable()).toBe('granted');
  expect(preferences.values.browserNotifications).toBe(true);
  show();
  expect(Notice.shown[0]).toMatchObject({ title: '“Sweep” failed', options: { body: 'nightly' } });
  show();
  expect(new Set(Notice.shown.map(({ options }) => options.tag)).size).toBe(1);
  page.visibilityState = 'visible';
  turned();
  expect(Notice.shown[1]?.closed).toBe(true);
  show();
  expect(Notice.shown).toHaveLength(2);
});

test('a click brings the page to the front and shows the run', async () => {
  await notices.enable();
  show('a run');
  Notice.shown[0]?.onclick?.();
  expect(focused).toBe(1);
  expect(opened).toEqual(['a run']);
  expect(Notice.shown[0]?.closed).toBe(true);
});

test('denied, it stays silent and the setting says so', async () => {
  Notice.answer = 'denied';
  expect(await notices.enable()).toBe('denied');
  expect(preferences.values.browserNotifications).toBe(false);
  show();
  expect(Notice.shown).toEqual([]);
});

test('disabled again, nothing is shown, and what was is closed', async () => {
  await notices.enable();
  show();
  notices.disable();
  show();
  expect(Notice.shown).toHaveLength(1);
  expect(Notice.shown[0]?.closed).toBe(true);
});

test('a browser without notifications is left alone', async () => {
  const bare = new BrowserNotices(preferences, { api: null, page: page as never, focus: () => undefined });
  expect(await bare.enable()).toBe('unsupported');
  bare.show('run', 'x', 'y', () => undefined);
  expect(bare.isOn).toBe(false);
});
