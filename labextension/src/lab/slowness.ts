/** Runs that take much longer than their namesakes before, as far as the list of projects tells. */
import { isLate } from '../core/attention.js';
import type { MissionInfo, ProjectInfo } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import { isEnded } from '../core/status.js';
import { parseTime } from '../core/times.js';
import { medianOf } from '../core/typical.js';
import type { News } from './news.js';

/** So many must have completed before one speaks of usual. */
const RUNS = 2;

/** Tells each of them once. */
export class SlownessReader {
  private readonly told = new Set<string>();

  /** `now`: microseconds since 1970. */
  read(projects: readonly ProjectInfo[], now: number): News[] {
    const news: News[] = [];
    for (const project of projects) {
      for (const run of project.missions) {
        const key = JSON.stringify([project.project_id, run.mission_id]);
        const usual = this.told.has(key) ? null : usualOf(project, run);
        const started = parseTime(run.started_at ?? run.created_at);
        if (usual !== null && started !== null && isLate(now - started, usual)) {
          this.told.add(key);
          news.push({ kind: 'slow', project, run, usual, elapsed: now - started });
        }
      }
    }
    return news;
  }
}

/** Null where the run has ended, nobody hears what runs in it, or too few like it have completed. Microseconds. */
function usualOf(project: ProjectInfo, run: MissionInfo): number | null {
  if (isEnded(run.status) || (run.rollup.counts.running ?? 0) === staleOf(project, run)) {
    return null;
  }
  const durations: number[] = [];
  for (const other of project.missions) {
    const from = parseTime(other.started_at ?? other.created_at);
    const to = parseTime(other.ended_at);
    if (other.title === run.title && other.status === 'completed' && from !== null && to !== null) {
      durations.push(to - from);
    }
  }
  return durations.length < RUNS ? null : medianOf(durations);
}
