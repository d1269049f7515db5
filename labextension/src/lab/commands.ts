/** The commands' names, and what they take. */
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { Words } from './words.js';

export const PANEL_ID = 'tasktree-panel';

export const CommandIDs = {
  openPanel: 'tasktree:open-panel',
  openTab: 'tasktree:open-tab',
  followNotebook: 'tasktree:follow-notebook',
  retry: 'tasktree:retry-connection',
  goToCell: 'tasktree:go-to-cell',
  showTaskOfCell: 'tasktree:show-task-of-cell',
  copyNodeId: 'tasktree:copy-node-id',
  copyTraceback: 'tasktree:copy-traceback',
  toggleNotifications: 'tasktree:toggle-notifications',
  toggleBrowserNotifications: 'tasktree:toggle-browser-notifications',
  muteProject: 'tasktree:mute-project',
  deleteProject: 'tasktree:delete-project',
  openSettings: 'tasktree:open-settings'
} as const;

export const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false } as const;

type Name = 'project_id' | 'mission_id' | 'node_id' | 'pointed';

/** The schema of a command's arguments, all of them optional. */
export function argumentsOf(trans: Words, ...names: Name[]): ReadonlyJSONObject {
  const all: Record<Name, ReadonlyJSONObject> = {
    project_id: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: trans.__('Id of the project; without one, the project in front')
    },
    mission_id: {
      type: 'string',
      description: trans.__('Id of a run of that project; without one, the newest as they come')
    },
    node_id: { type: 'string', description: trans.__('Id of a task of that project') },
    pointed: {
      type: 'boolean',
      description: trans.__('Take what the context menu was opened on')
    }
  };
  return {
    type: 'object',
    properties: Object.fromEntries(names.map(name => [name, all[name]])),
    additionalProperties: false
  };
}
