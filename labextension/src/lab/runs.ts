/** The runs of a project, as the side panel lists them. */
import type { Follow, MissionInfo, ProjectInfo } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import type { Rollup, TreeReader } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { parseTime } from '../core/times.js';
import { missionsOf, stalenessOf } from '../view/index.js';

/**
 * How many leaves of a run are stale: as the tree has it where it is followed, so that line and tree agree. What is stale
 * is told after the tree: until then, and of projects that nobody follows, what the server has counted holds. It tells
 * that anew when it hears them again.
 */
export function staleCounts(info: ProjectInfo | null, follow: Follow | null): (missionId: string) => number {
  if (follow?.tree && follow.stale.size > 0) {
    const staleness = stalenessOf(follow.tree, follow.stale);
    return id => staleness.count(id);
  }
  return id => {
    const mission = info?.missions.find(({ mission_id }) => mission_id === id);
    return info && mission ? staleOf(info, mission) : 0;
  };
}

export interface Run {
  id: string;
  run: number;
  title: string;
  status: MissionInfo['status'];
  rollup: Rollup;
  /** How many of its running leaves aren't heard. */
  stale: number;
  /** Microseconds since 1970. */
  createdAt: number | null;
}

/** Runs beyond this stand in the menu of the tree's header. */
export const LISTED = 100;

/** Newest first: from the tree once it is here, until then those that the list of projects names. */
export function runsOf(project: ProjectInfo | null, follow: Follow | null): Run[] {
  const tree: TreeReader | null = follow?.tree ?? null;
  const staleIn = staleCounts(project, follow);
  if (tree) {
    return missionsOf(tree)
      .slice(0, LISTED + 1)
      .map(({ id, run, createdAt }) => {
        const node = tree.node(id);
        return {
          id,
          run,
          createdAt,
          title: seenLine(node?.title ?? id),
          status: node?.status ?? 'draft',
          rollup: tree.rollup(id),
          stale: staleIn(id)
        };
      });
  }
  return (project?.missions ?? []).map((mission, index) => ({
    id: mission.mission_id,
    run: (project?.missions_total ?? 0) - index,
    createdAt: parseTime(mission.created_at),
    title: seenLine(mission.title ?? mission.mission_id),
    status: mission.status,
    rollup: mission.rollup,
    stale: staleIn(mission.mission_id)
  }));
}
