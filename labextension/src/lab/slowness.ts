/** Runs that take much longer than their namesakes before, as far as the list of projects tells. */
import { isLate, LATE_RUNS } from '../core/attention.js';
import type { MissionInfo, ProjectInfo } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import { isEnded } from '../core/status.js';
import { parseTime } from '../core/times.js';
import { RUNS, usualOf, type Took } from '../core/typical.js';
import type { News } from './news.js';

/** Tells each of them once. */
export class SlownessReader {
  private readonly told = new Set<string>();

  /** `now`: microseconds since 1970. */
  read(projects: readonly ProjectInfo[], now: number): News[] {
    const news: News[] = [];
    for (const project of projects) {
      for (const run of project.missions) {
        const key = JSON.stringify([project.project_id, run.mission_id]);
        const usual = this.told.has(key) ? null : usualDuration(project, run);
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
function usualDuration(project: ProjectInfo, run: MissionInfo): number | null {
  if (isEnded(run.status) || (run.rollup.counts.running ?? 0) === staleOf(project, run)) {
    return null;
  }
  // The list is newest first.
  const earlier = project.missions
    .slice(project.missions.indexOf(run) + 1)
    .filter(({ title, status }) => title === run.title && isEnded(status))
    .slice(0, RUNS);
  const usual = usualOf(run.rollup, earlier.flatMap(took));
  return usual !== null && usual.runs >= LATE_RUNS ? usual.median : null;
}

function took({ status, started_at, created_at, ended_at, rollup }: MissionInfo): Took[] {
  const [from, to] = [parseTime(started_at ?? created_at), parseTime(ended_at)];
  return status === 'completed' && from !== null && to !== null
    ? [{ duration: to - from, total: rollup.total }]
    : [];
}
