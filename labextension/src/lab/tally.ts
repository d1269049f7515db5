/** How many tasks run and have failed, as far as the list of projects tells. */
import type { ProjectInfo } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import { isEnded } from '../core/status.js';
import type { Words } from '../view/index.js';

export interface Tally {
  running: number;
  failed: number;
  /** They may run, or not: their process isn't heard. None of them is among the running. */
  stale: number;
}

export const NOTHING: Tally = { running: 0, failed: 0, stale: 0 };

export function tallyText(words: Words, { running, failed, stale }: Tally): string {
  const parts = [
    running > 0 ? words._n('%1 task running', '%1 tasks running', running) : null,
    failed > 0 ? words._n('%1 task failed', '%1 tasks failed', failed) : null,
    stale > 0 ? words._n('%1 task not heard of', '%1 tasks not heard of', stale) : null
  ].filter(part => part !== null);
  return parts.length > 0 ? parts.join(', ') : words.__('no task running');
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
    const tally = { ...NOTHING };
    for (const project of projects) {
      const { project_id, missions } = project;
      missions.forEach((mission, index) => {
        const { mission_id, status, rollup } = mission;
        if (!isEnded(status)) {
          const stale = staleOf(project, mission);
          tally.stale += stale;
          tally.running += (rollup.counts.running ?? 0) - stale;
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
