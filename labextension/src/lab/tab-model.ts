/** What a tab in the main area is about, and what it follows for that. */
import type { Follow, Hub, Listenable, MissionInfo, ProjectInfo, ProjectList } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import { seenLine } from '../core/seen.js';
import { projectTitle } from './panel-model.js';
import { runState, type RunState } from './run-state.js';
import type { Words } from './words.js';

export interface TabTitle {
  label: string;
  caption: string;
  status: RunState | null;
}

/** Its name follows the list of projects at all times; the tree is followed only while somebody looks. */
export class TabModel implements Listenable {
  private readonly list: ProjectList;
  private readonly listeners = new Set<() => void>();
  private readonly stopListening: () => void;
  private version = 0;
  private followed: Follow | null = null;
  private mission: string | null;
  private wish: { nodeId: string } | null = null;
  private known: TabTitle;

  /** `missionId` null: the newest run, as new ones come. */
  constructor(
    readonly hub: Hub,
    private readonly trans: Words,
    readonly projectId: string,
    missionId: string | null
  ) {
    this.mission = missionId;
    this.known = { label: projectId, caption: projectId, status: null };
    this.list = hub.watchProjects();
    this.stopListening = this.list.subscribe(() => this.changed());
    this.changed();
  }

  dispose(): void {
    this.sleep();
    this.stopListening();
    this.list.close();
    this.listeners.clear();
  }

  wake(): void {
    if (!this.followed) {
      this.followed = this.hub.follow(this.projectId);
      this.changed();
    }
  }

  sleep(): void {
    this.followed?.close();
    this.followed = null;
    this.wish = null;
  }

  get follow(): Follow | null {
    return this.followed;
  }

  get missionId(): string | null {
    return this.mission;
  }

  get reveal(): { nodeId: string } | null {
    return this.wish;
  }

  get title(): TabTitle {
    return this.known;
  }

  show(missionId: string | null, nodeId: string | null = null): void {
    this.mission = missionId;
    this.wish = nodeId === null ? null : { nodeId };
    this.changed();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getVersion = (): number => this.version;

  private changed(): void {
    const info = this.list.projects.find(each => each.project_id === this.projectId);
    if (info) {
      this.known = titleOf(info, this.mission, this.known, this.trans);
    }
    this.version += 1;
    [...this.listeners].forEach(listener => listener());
  }
}

/** A run that the list doesn't name any more keeps what was last known of it. */
function titleOf(info: ProjectInfo, missionId: string | null, known: TabTitle, trans: Words): TabTitle {
  const project = projectTitle(info);
  const run =
    missionId === null ? info.missions[0] : info.missions.find(each => each.mission_id === missionId);
  const [status, silence] = run ? stateOf(info, run, trans) : [missionId === null ? null : known.status, ''];
  if (missionId === null) {
    return {
      label: project,
      caption: trans.__('Task tree of %1, the newest run', project) + silence,
      status
    };
  }
  const label = run ? seenLine(run.title ?? missionId) : known.label;
  return { label, caption: trans.__('%1, a run of %2', label, project) + silence, status };
}

/** How a run stands, and a line about what isn't heard of it. */
function stateOf(info: ProjectInfo, run: MissionInfo, trans: Words): [RunState, string] {
  const stale = staleOf(info, run);
  const silence = stale > 0 ? `\n${trans._n('%1 task not heard of', '%1 tasks not heard of', stale)}` : '';
  return [runState(run.status, run.rollup, stale), silence];
}
