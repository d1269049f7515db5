import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { Words } from './words.js';

type Json = ISettingRegistry.ISchema[string];

/**
 * The settings in the user's language. JupyterLab's server translates the schemas of its own language packs only, so the page does it; by
 * the contexts that the server would use. The schema must say `"jupyter.lab.transform": true`.
 */
export function translateSettings(registry: ISettingRegistry, id: string, trans: Words): void {
  registry.transform(id, {
    fetch: plugin => ({ ...plugin, schema: translated(plugin.schema, 'schema', trans) })
  });
}

function translated<T extends Json>(schema: T, context: string, trans: Words): T {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return schema;
  }
  const entries = Object.entries(schema).map(([key, value]) => {
    if (typeof value === 'string') {
      const isLabel = key === 'jupyter.lab.setting-icon-label';
      const isRead = isLabel || key === 'title' || key === 'description';
      return [key, isRead ? trans._p(isLabel ? 'settings' : context, value) : value];
    }
    const below = key === 'properties' || key === 'definitions' || context === 'settings';
    return [key, below ? translated(value, 'settings', trans) : value];
  });
  return Object.fromEntries(entries) as T;
}
