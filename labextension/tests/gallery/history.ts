/** What the gallery's server would say of its log: of some tasks all that was told of them, else the last words of those that are there; and how their metrics came about. */
import type { TreeEvent } from '../../src/core/envelope.js';
import type { EventQuery, History } from '../../src/core/history.js';
import type { TreeNode } from '../../src/core/reader.js';
import type { TaskTree } from '../../src/core/tree.js';
import { wants } from '../../src/core/wanted.js';
import { NOW } from './clock.js';
import { toldOf } from './telling.js';

const STEPS = 24;
const APART = 700_000;

export function historyOf(tree: () => TaskTree | null): History {
  return {
    eventsBefore(_projectId, before, query, limit) {
      const wanted = wants(query, tree);
      const events = eventsOf(tree(), query).filter(
        event => (before === null || event.offset < before) && wanted(event)
      );
      const page = events.slice(0, limit);
      const next = page.length < events.length ? (page.at(-1)?.offset ?? null) : null;
      return Promise.resolve({ epoch: 'e1', events: page, next, trimmed: 0 });
    },
    seriesOf(_projectId, nodeIds) {
      const series = nodeIds.flatMap(nodeId =>
        Object.entries(tree()?.node(nodeId)?.metrics ?? {}).flatMap(([metric, last]) =>
          typeof last === 'number' ? [{ nodeId, metric, points: curve(last) }] : []
        )
      );
      return Promise.resolve({ epoch: 'e1', series, next: null });
    }
  };
}

/** Newest first. What was told begins at the first task, and all within a moment; a log that somebody reads through ends at the last ones. */
function eventsOf(tree: TaskTree | null, { nodeIds }: EventQuery): TreeEvent[] {
  if (!tree) {
    return [];
  }
  if (nodeIds?.length) {
    return [...toldOf(tree)].reverse();
  }
  return [...tree.nodes()]
    .slice(-150)
    .map((node, index, all) => eventOf(node, all.length - index))
    .reverse();
}

function eventOf(node: TreeNode, ago: number): TreeEvent {
  const at = (NOW - ago * 90) * 1000;
  const { node_id, status, message, metrics, log } = node;
  const isLine = log !== undefined && ago % 5 === 0;
  return {
    type: isLine ? 'node_log' : 'node_update',
    data: isLine
      ? { node_id, level: log.last.level, message: log.last.message }
      : { node_id, changes: { status, ...(message && { message }), ...(metrics && { metrics }) } },
    project_id: 'churn-model',
    source: 'k1',
    timestamp: new Date(at / 1000).toISOString(),
    offset: 10_000 - ago,
    at
  };
}

/** Up to its last value, with a step back on the way. */
function curve(last: number) {
  return Array.from({ length: STEPS }, (_, index) => {
    const left = STEPS - 1 - index;
    const value = last * (1 - 0.5 * (left / STEPS) ** 2 - (index === 9 ? 0.12 : 0));
    return { time: NOW * 1000 - left * APART, value, step: index };
  });
}
