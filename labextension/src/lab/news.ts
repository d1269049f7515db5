/** What happened since this page was opened, as the list of projects tells it. */
import type { MissionInfo, ProjectInfo } from '../core/follow.js';
import { isEnded } from '../core/status.js';

interface OfRun {
  project: ProjectInfo;
  run: MissionInfo;
}

/**
 * What is the matter with a run that goes on, besides failures. `slow`: it takes much longer than its namesakes before. `stale`: tasks are said to run,
 * but their process isn't heard. `silent`: of `count` agents that fell silent one, and for how long the longest. `retry`: of `count` tasks that are
 * tried again and again the one that was most often. Durations in microseconds.
 */
export type Matter = OfRun &
  (
    | { kind: 'slow'; elapsed: number; usual: number }
    | { kind: 'stale'; count: number }
    | { kind: 'silent'; agent: string; count: number; silence: number }
    | { kind: 'retry'; task: string; count: number; attempt: number }
  );

export type News =
  | Matter
  /** `failed`: there are more failures than before. `ended`: the run has, with or without failures. */
  | (OfRun & { kind: 'failed' })
  | (OfRun & { kind: 'ended' });

interface Known {
  failures: number;
  hasEnded: boolean;
}

/** A project whose last event is older than this compared with the newest of all was brought here, not run now. Microseconds. */
const IMPORTED = 3600 * 1_000_000;

/**
 * Compares what is with what was. So a reconnect, a resync or a list told twice is no news; what happened in between is.
 */
export class NewsReader {
  private known: Map<string, Map<string, Known>> | null = null;
  private newest = 0;

  /** `projects`: the whole list as the server has it now. The first one is how it was before. */
  read(projects: readonly ProjectInfo[]): News[] {
    const before = this.known;
    const news: News[] = [];
    this.known = new Map(projects.map(project => [project.project_id, knownOf(project)]));
    const newest = this.newest;
    this.newest = projects.reduce((at, project) => Math.max(at, project.at), newest);
    if (!before) {
      return [];
    }
    for (const project of projects) {
      const runs = before.get(project.project_id);
      if (!runs && project.at < newest - IMPORTED) {
        continue;
      }
      // The list is newest first: what comes after a run that was known is older than it, and was only left out of the list before.
      let isNew = true;
      for (const run of project.missions) {
        const was = runs?.get(run.mission_id) ?? (isNew ? { failures: 0, hasEnded: false } : null);
        isNew &&= !runs?.has(run.mission_id);
        if (!was) {
          continue;
        }
        if (isEnded(run.status) && !was.hasEnded) {
          news.push({ kind: 'ended', project, run });
        } else if (run.rollup.failures > was.failures) {
          news.push({ kind: 'failed', project, run });
        }
      }
    }
    return news;
  }
}

function knownOf(project: ProjectInfo): Map<string, Known> {
  return new Map(
    project.missions.map(({ mission_id, rollup, status }) => [
      mission_id,
      { failures: rollup.failures, hasEnded: isEnded(status) }
    ])
  );
}
