/** Which tasks the cells of the notebook in front have started. */
import type { Follow, Hub, ProjectList } from '../core/follow.js';
import { taskOfCell } from './origin.js';

export interface CellTask {
  projectId: string;
  missionId: string;
  nodeId: string;
}

/** Follows the project of one notebook; so does every view below its cells, on the same connection. */
export class CellTasks {
  private list: ProjectList | null = null;
  private followed: Follow | null = null;
  private path: string | null = null;
  private stopListening: (() => void) | null = null;
  private found: { tree: unknown; version: number; cellId: string; task: CellTask | null } | null = null;

  constructor(private readonly hub: Hub) {}

  /** Path of the notebook in front; null where there is none. */
  set notebookPath(path: string | null) {
    this.path = path;
    if (path !== null && !this.list) {
      this.list = this.hub.watchProjects();
      this.stopListening = this.list.subscribe(() => this.update());
    } else if (path === null) {
      this.stopListening?.();
      this.list?.close();
      this.list = null;
    }
    this.update();
  }

  /** What the cell started last, as far as is known by now. Cheap as long as nothing happens: it may be asked at every key. */
  of(cellId: string): CellTask | null {
    const { tree, projectId } = this.followed ?? {};
    if (!tree || projectId === undefined) {
      return null;
    }
    const { found } = this;
    if (found?.tree === tree && found.version === tree.version && found.cellId === cellId) {
      return found.task;
    }
    const place = taskOfCell(tree, cellId);
    const task = place && { projectId, ...place };
    this.found = { tree, version: tree.version, cellId, task };
    return task;
  }

  private update(): void {
    const info = this.list?.projects.find(each => each.path !== null && each.path === this.path);
    const wanted = info?.project_id ?? null;
    if (wanted !== (this.followed?.projectId ?? null)) {
      this.followed?.close();
      this.followed = wanted === null ? null : this.hub.follow(wanted);
      this.found = null;
    }
  }
}
