/** Projects and runs as the list of projects tells them. */
import type { MissionInfo, ProjectInfo } from '../../src/core/follow.js';

export function run(
  mission_id: string,
  fields: Partial<MissionInfo> & { failures?: number } = {}
): MissionInfo {
  const { failures = 0, ...others } = fields;
  const rollup = { leaves: 3, total: 3, done: 0, progress: 0, failures, counts: { running: 2 } };
  return { mission_id, title: mission_id, status: 'running', rollup, ...others };
}

export function project(project_id: string, missions: MissionInfo[], at = 1): ProjectInfo {
  return {
    project_id,
    kind: 'named',
    created_at: 0,
    offset: 1,
    at,
    missions,
    missions_total: missions.length
  };
}
