import { panelPlugin } from './panel-plugin.js';
import { rendererPlugin } from './renderer-plugin.js';

export default [rendererPlugin, panelPlugin];
