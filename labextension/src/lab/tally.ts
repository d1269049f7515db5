/** How many tasks run and have failed, as far as the list of projects tells. */
import type { ProjectInfo } from '../core/follow.js';
import { isEnded } from '../core/status.js';

export interface Tally {
  running: number;
  failed: number;
}

/**
 * Counts runs under way, and those that ended while this page was open as long as they are their project's newest: what failed last week is no
 * news, and what failed an hour ago is until somebody tries again.
 */
export class Counter {
  private old: Set<string> | null = null;

  /** `projects`: the whole list as the server has it, at first as it was when the page was opened. */
  count(projects: readonly ProjectInfo[]): Tally {
    this.old ??= new Set(
      projects.flatMap(({ project_id, missions }) =>
        missions
          .filter(({ status }) => isEnded(status))
          .map(({ mission_id }) => keyOf(project_id, mission_id))
      )
    );
    const tally = { running: 0, failed: 0 };
    for (const { project_id, missions } of projects) {
      missions.forEach(({ mission_id, status, rollup }, index) => {
        if (!isEnded(status)) {
          tally.running += rollup.counts.running ?? 0;
          tally.failed += rollup.failures;
        } else if (index === 0 && !this.old?.has(keyOf(project_id, mission_id))) {
          tally.failed += rollup.failures;
        }
      });
    }
    return tally;
  }
}

function keyOf(projectId: string, missionId: string): string {
  return JSON.stringify([projectId, missionId]);
}
