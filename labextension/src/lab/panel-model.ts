/** Which project and run the side panel shows, and what it follows for that. */
import type { Follow, Hub, Listenable, ProjectInfo, ProjectList } from '../core/follow.js';
import { seenLine } from '../core/seen.js';

/** What the panel is about: somebody's choice, else the notebook in front, else what changed last. */
export class PanelModel implements Listenable {
  private listed: ProjectList | null = null;
  private readonly listeners = new Set<() => void>();
  private version = 0;
  private chosenProject: string | null = null;
  private chosenMission: string | null = null;
  private wish: { nodeId: string } | null = null;
  private notebook: string | null = null;
  private follows = true;
  private followed: Follow | null = null;
  private stopListening: (() => void) | null = null;

  constructor(readonly hub: Hub) {}

  /** Somebody looks. */
  wake(): void {
    if (this.listed === null) {
      this.listed = this.hub.watchProjects();
      this.stopListening = this.listed.subscribe(() => this.update());
      this.update();
    }
  }

  /** Nobody looks: the server is left alone. What was chosen stays chosen. */
  sleep(): void {
    this.stopListening?.();
    this.listed?.close();
    this.followed?.close();
    this.listed = null;
    this.followed = null;
    this.wish = null;
    this.changed();
  }

  /** Null while nobody looks. */
  get list(): ProjectList | null {
    return this.listed;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  getVersion = (): number => this.version;

  get projects(): readonly ProjectInfo[] {
    return this.listed?.projects ?? [];
  }

  get follow(): Follow | null {
    return this.followed;
  }

  get project(): ProjectInfo | null {
    const id = this.followed?.projectId;
    return this.projects.find(each => each.project_id === id) ?? this.followed?.info ?? null;
  }

  /** Null: the newest run, as new ones come. */
  get missionId(): string | null {
    return this.chosenMission;
  }

  /** The task that somebody wants to see; another object for each wish. */
  get reveal(): { nodeId: string } | null {
    return this.wish;
  }

  /** Whether somebody chose what is shown, so that it doesn't change with the notebook. */
  get isChosen(): boolean {
    return this.chosenProject !== null;
  }

  /** Path of the notebook in front; null where there is none. */
  get notebookPath(): string | null {
    return this.notebook;
  }

  set notebookPath(path: string | null) {
    if (path !== this.notebook && this.chosenProject === null) {
      this.chosenMission = null;
      this.wish = null;
    }
    this.notebook = path;
    this.update();
    this.changed();
  }

  /** Whether the notebook in front counts at all. */
  set followsNotebook(follows: boolean) {
    this.follows = follows;
    this.update();
  }

  chooseProject(id: string): void {
    this.show(id, null);
  }

  chooseMission(id: string | null): void {
    this.chosenMission = id;
    this.wish = null;
    this.changed();
  }

  /** `missionId` null: the newest run, as new ones come. With `nodeId`, that task of it is selected. */
  show(projectId: string, missionId: string | null, nodeId: string | null = null): void {
    this.chosenProject = projectId;
    this.chosenMission = missionId;
    this.wish = nodeId === null ? null : { nodeId };
    this.update();
  }

  /** Selects a task of what is shown. */
  goTo(nodeId: string): void {
    this.wish = { nodeId };
    this.changed();
  }

  /** Back to the notebook in front. */
  followNotebook(): void {
    this.chosenProject = null;
    this.chosenMission = null;
    this.wish = null;
    this.update();
  }

  private wanted(): string | null {
    if (this.chosenProject !== null) {
      return this.chosenProject;
    }
    if (this.notebook !== null && this.follows) {
      return this.projects.find(each => each.path === this.notebook)?.project_id ?? null;
    }
    return this.followed?.projectId ?? this.projects[0]?.project_id ?? null;
  }

  private update(): void {
    if (this.listed === null) {
      return;
    }
    const wanted = this.wanted();
    if (wanted !== (this.followed?.projectId ?? null)) {
      this.followed?.close();
      this.followed = wanted === null ? null : this.hub.follow(wanted);
    }
    this.changed();
  }

  private changed(): void {
    this.version += 1;
    this.listeners.forEach(listener => listener());
  }
}

/** What people call a project: its title, the file's name, or the name it was given. */
export function projectTitle(info: ProjectInfo): string {
  return seenLine(info.title ?? info.path?.split('/').pop() ?? info.project_id);
}
