import { Token } from '@lumino/coreutils';
import type { TreeTab } from './tab.js';

/** The trees that stand as tabs in the main area. */
export interface TreeTabs {
  /** That of a run (`missionId` null: the newest run, as new ones come): the one there is, else a new one that isn't in the page yet. */
  of(projectId: string, missionId: string | null): TreeTab;
}

/** Null where the application has no room for tabs. */
export const ITreeTabs = new Token<TreeTabs | null>(
  'tasktree-jupyter:ITreeTabs',
  'The trees that stand as tabs in the main area.'
);
