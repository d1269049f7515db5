/** A server's log for the views' tests: what a story has told, read backwards. */
import { HistoryError, type EventPage, type EventQuery, type History } from '../../src/core/history.js';
import { reportedBy, thinned, type Point } from '../../src/core/series.js';
import { wants } from '../../src/core/wanted.js';
import type { Story } from './story.js';

export class StoryHistory implements History {
  /** Each question for events, in order. */
  readonly asked: { before: number | null; query: EventQuery }[] = [];
  /** Which tasks’ series were asked for, question by question. */
  readonly measured: (readonly string[])[] = [];
  /** How many events one request looks through. */
  scanned = 1_000;
  isFailing = false;
  trimmed = 0;

  constructor(private readonly story: Story) {}

  async eventsBefore(
    _projectId: string,
    before: number | null,
    query: EventQuery,
    limit: number
  ): Promise<EventPage> {
    this.asked.push({ before, query });
    await this.answering();
    const isWanted = wants(query, () => this.story.tree);
    const found = [];
    let top = before ?? this.story.events.length + 1;
    const lowest = Math.max(this.trimmed, top - 1 - this.scanned);
    while (top - 1 > lowest && found.length < limit) {
      top -= 1;
      const event = this.story.events[top - 1]!;
      if (isWanted(event)) {
        found.push(event);
      }
    }
    return { epoch: 'e1', events: found, next: top - 1 > this.trimmed ? top : null, trimmed: this.trimmed };
  }

  async seriesOf(_projectId: string, nodeIds: readonly string[], { points = 200 } = {}) {
    this.measured.push(nodeIds);
    await this.answering();
    const found = new Map<string, Point[]>();
    for (const event of this.story.events) {
      const reported = reportedBy(event);
      for (const [metric, point] of reported && nodeIds.includes(reported.nodeId) ? reported.values : []) {
        const key = JSON.stringify([reported!.nodeId, metric]);
        found.set(key, [...(found.get(key) ?? []), point]);
      }
    }
    const series = [...found].map(([key, all]) => {
      const [nodeId, metric] = JSON.parse(key) as [string, string];
      return { nodeId, metric, points: [...thinned(all, points)] };
    });
    return { epoch: 'e1', series, next: null };
  }

  private async answering(): Promise<void> {
    await Promise.resolve();
    if (this.isFailing) {
      throw new HistoryError('The Jupyter server doesn’t answer.', null);
    }
  }
}
