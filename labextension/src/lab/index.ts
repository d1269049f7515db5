import { cellsPlugin } from './cells-plugin.js';
import { notificationsPlugin } from './notifications-plugin.js';
import { panelPlugin } from './panel-plugin.js';
import { preferencesPlugin } from './preferences-plugin.js';
import { projectPlugin } from './project-plugin.js';
import { rendererPlugin } from './renderer-plugin.js';
import { statusPlugin } from './status-plugin.js';
import { tabPlugin } from './tab-plugin.js';

/** Each does one thing, and does without what an application doesn't have. */
export default [
  preferencesPlugin,
  rendererPlugin,
  tabPlugin,
  panelPlugin,
  cellsPlugin,
  projectPlugin,
  statusPlugin,
  notificationsPlugin
];
