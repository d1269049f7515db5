/**
 * Every view in every state, one at a time: `gallery.show({ view, data, theme, width, zoom })`, or the same after the `#` of the address.
 *
 * For the tests in tests/browser/gallery, and for people who want to look.
 */
import { isWorking, NOW } from './clock.js';
import { createRoot, type Root } from 'react-dom/client';
import '@fontsource/dejavu-sans/400.css';
import '@fontsource/dejavu-sans/700.css';
import '@fontsource/dejavu-mono/400.css';
import '../../style/index.css';
import './stage.css';
import { ErrorBoundary } from '../../src/view/index.js';
import { dataOf, DATA, retries } from './data.js';
import { compare } from './compare.js';
import { followed, streamed } from './live.js';
import { PART_NAMES, viewOf, VIEW_NAMES } from './views.js';

export interface State {
  view?: string;
  data?: string;
  /** JupyterLab's `light`, `dark` and `contrast`; `none`: a page that isn't JupyterLab's. */
  theme?: string;
  /** Pixels of the screen. */
  width?: number;
  height?: number;
  /** 2: as a browser's zoom of 200 % shows it, so that there is room for half as much. */
  zoom?: number;
}

interface Theme {
  css: string;
  isLight: boolean;
}

const themes = (globalThis as { THEMES?: Record<string, Theme> }).THEMES ?? {};
const stage = document.createElement('main');
const style = document.createElement('style');
const QUIET_FRAMES = 3;
/** Milliseconds. */
const PATIENCE = 15_000;
let root: Root | null = null;
let shown = 0;

/** Shows it, and waits until nothing changes any more. Answers what is shown. */
async function show(state: State): Promise<{ part: string | null; html: number }> {
  const { view = 'tree', data = 'tasks-12', theme = 'light', width = 900, zoom = 1 } = state;
  const height = state.height ?? 560;
  root?.unmount();
  localStorage.clear();
  dress(theme);
  stage.style.width = `${width / zoom}px`;
  stage.style.height = `${height / zoom}px`;
  shown += 1;
  root = createRoot(stage);
  root.render(<ErrorBoundary>{viewOf(view, dataOf(data), `gallery-${shown}`)}</ErrorBoundary>);
  await settled();
  return {
    part: stage.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.dataset.part ?? null,
    html: stage.innerHTML.length
  };
}

function dress(name: string): void {
  const theme = themes[name];
  if (!theme && name !== 'none') {
    throw new Error(`no theme "${name}": there are none, ${Object.keys(themes).join(', ')}`);
  }
  style.textContent = theme?.css ?? '';
  document.body.dataset.jpThemeLight = String(theme?.isLight ?? true);
  document.body.dataset.jpThemeName = name;
}

/** Waits until no slice of work waits for its turn and the page stands still; throws where it never does. */
export async function settled(): Promise<void> {
  await document.fonts.ready;
  let before = '';
  const began = performance.now();
  for (let quiet = 0; quiet < QUIET_FRAMES;) {
    await new Promise(requestAnimationFrame);
    const now = stage.innerHTML;
    quiet = now === before && !isWorking() ? quiet + 1 : 0;
    before = now;
    if (performance.now() - began > PATIENCE) {
      throw new Error(`still ${isWorking() ? 'working' : 'changing'} after ${PATIENCE} ms`);
    }
  }
}

async function showAddress(): Promise<void> {
  const asked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  await show({
    ...asked,
    width: Number(asked.width ?? 900),
    height: Number(asked.height ?? 560),
    zoom: Number(asked.zoom ?? 1)
  });
}

document.documentElement.lang = 'en';
document.title = 'TaskTree’s gallery';
document.head.append(style);
document.body.append(stage);
Object.assign(globalThis, {
  gallery: {
    now: NOW,
    views: VIEW_NAMES,
    parts: PART_NAMES,
    data: DATA,
    show,
    settled,
    compare,
    /** How often somebody asked for the connection to be tried again. */
    retries: () => retries(),
    follow: (projectId: string, url: string) => {
      root?.unmount();
      root = createRoot(stage);
      return followed(root, projectId, url);
    },
    stream: (options: Parameters<typeof streamed>[1]) => {
      root?.unmount();
      localStorage.clear();
      root = createRoot(stage);
      return streamed(root, options);
    }
  }
});
if (location.hash) {
  addEventListener('hashchange', () => void showAddress());
  void showAddress();
}
