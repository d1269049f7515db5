/**
 * What goes wrong in runs without any event that says so, as somebody finds who looks at them now and then. A process that isn't heard is in the list of
 * projects; for agents that fall silent and tasks that are tried again and again a run's tree is followed.
 */
import { attention, type AttentionItem } from '../core/attention.js';
import type { Follow, Hub, MissionInfo, ProjectInfo } from '../core/follow.js';
import { staleOf } from '../core/info.js';
import { isEnded } from '../core/status.js';
import { survey } from '../core/survey.js';
import type { News } from './news.js';
import { inSlices, LARGEST } from './reasons.js';

/** So many projects are followed for it, those that changed last. */
const MOST = 4;

export class Inspector {
  /** What was told, or was so when it was looked for the first time. */
  private readonly told = new Set<string>();
  /** Silences of the last look. After the machine slept all is silent for a moment: only what is so twice is told. */
  private suspects = new Set<string>();
  private isFirst = true;
  private isLooking = false;
  private readonly held = new Map<string, Follow>();

  constructor(private readonly hub: Pick<Hub, 'follow'>) {}

  /** Each matter once. `projects`: those that somebody wants to hear of; `now`: microseconds since 1970. */
  async look(projects: readonly ProjectInfo[], now: () => number): Promise<News[]> {
    if (this.isLooking) {
      return [];
    }
    this.isLooking = true;
    try {
      const suspects = new Set<string>();
      const news = this.stale(projects, suspects);
      for (const { project, run, follow } of this.follow(projects)) {
        news.push(...(await this.inside(project, run, follow, now, suspects)));
      }
      this.suspects = suspects;
      this.isFirst = false;
      return news;
    } finally {
      this.isLooking = false;
    }
  }

  dispose(): void {
    this.held.forEach(follow => follow.close());
    this.held.clear();
  }

  private stale(projects: readonly ProjectInfo[], suspects: Set<string>): News[] {
    const news: News[] = [];
    for (const project of projects) {
      for (const run of project.missions) {
        const count = isEnded(run.status) ? 0 : staleOf(project, run);
        const key = keyOf(project, run, 'stale');
        if (count > 0 && this.isFirst) {
          // Nobody was there when it fell silent: that is how things are, and no news.
          this.told.add(key);
        } else if (count > 0 && this.isNews(key, suspects)) {
          news.push({ kind: 'stale', project, run, count });
        }
      }
    }
    return news;
  }

  private isNews(key: string, suspects: Set<string>): boolean {
    suspects.add(key);
    if (this.told.has(key) || !this.suspects.has(key)) {
      return false;
    }
    this.told.add(key);
    return true;
  }

  private follow(
    projects: readonly ProjectInfo[]
  ): { project: ProjectInfo; run: MissionInfo; follow: Follow }[] {
    const chosen = projects.filter(({ missions }) => missions.some(isLookedInto)).slice(0, MOST);
    const ids = new Set(chosen.map(({ project_id }) => project_id));
    for (const [id, follow] of this.held) {
      if (!ids.has(id)) {
        this.held.delete(id);
        follow.close();
      }
    }
    return chosen.flatMap(project => {
      const { project_id: id } = project;
      const follow = this.held.get(id) ?? this.hub.follow(id);
      this.held.set(id, follow);
      return project.missions.filter(isLookedInto).map(run => ({ project, run, follow }));
    });
  }

  private async inside(
    project: ProjectInfo,
    run: MissionInfo,
    follow: Follow,
    now: () => number,
    suspects: Set<string>
  ): Promise<News[]> {
    const { tree } = follow;
    const roots = [run.mission_id];
    if (!tree?.node(run.mission_id) || follow.status !== 'live') {
      return [];
    }
    const seen = await inSlices(survey(tree, roots, null));
    const items = attention(tree, roots, seen, [], { now: now(), stale: follow.stale });
    const silent = items
      .filter(isSilence)
      .filter(({ key }) => this.isNews(keyOf(project, run, key), suspects));
    const retries = items.filter(isRetry).filter(({ key }) => {
      const own = keyOf(project, run, key);
      return !this.told.has(own) && this.told.add(own);
    });
    const news: News[] = [];
    const [first] = silent;
    if (first) {
      const since = Math.min(...silent.map(item => item.since));
      news.push({
        kind: 'silent',
        project,
        run,
        agent: first.agent,
        count: silent.length,
        silence: now() - since
      });
    }
    const worst = retries.sort((one, other) => other.attempt - one.attempt)[0];
    if (worst) {
      const count = retries.reduce((sum, item) => sum + item.count, 0);
      const task = tree.node(worst.id ?? '')?.title ?? worst.id ?? '';
      news.push({ kind: 'retry', project, run, task, count, attempt: worst.attempt });
    }
    return news;
  }
}

/** A larger run isn't fetched for it. */
function isLookedInto({ status, rollup }: MissionInfo): boolean {
  return !isEnded(status) && (rollup.counts.running ?? 0) > 0 && rollup.leaves <= LARGEST;
}

function isSilence(item: AttentionItem): item is AttentionItem & { kind: 'silent' } {
  return item.kind === 'silent';
}

function isRetry(item: AttentionItem): item is AttentionItem & { kind: 'retry' } {
  return item.kind === 'retry';
}

function keyOf(project: ProjectInfo, run: MissionInfo, matter: string): string {
  return JSON.stringify([project.project_id, run.mission_id, matter]);
}
