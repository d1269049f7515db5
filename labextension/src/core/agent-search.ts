/** What a search means for those who are at work. */
import type { AgentRow } from './agents.js';
import type { Field, Query } from './query.js';
import type { TreeNode, TreeReader } from './reader.js';

/** Fields that an agent has none of: they are those of the task that it is at. */
const OF_ITS_TASK: ReadonlySet<Field | null> = new Set<Field>(['kind', 'id', 'param', 'metric', 'tag']);

/**
 * Words are looked for in its name, in what it says of itself and in the task that it is at; `status:` is its own word, or that of a task of
 * its own that it counts. `isStale`: the process of the task that it is at isn't heard.
 */
export function isLookedFor(tree: TreeReader, row: AgentRow, query: Query, isStale: boolean): boolean {
  const task = row.current === null ? undefined : tree.node(row.current);
  const isAtWork = row.running > 0 || row.silentAfter !== null;
  const states = [
    row.state,
    isAtWork ? 'running' : 'ready',
    isStale ? 'stale' : null,
    row.completed > 0 ? 'completed' : null,
    row.failed > 0 ? 'failed' : null
  ].filter(state => state !== null);
  const { node_id = '', title, message, error, kind, params, metrics } = task ?? ({} as Partial<TreeNode>);
  const said = [row.state, row.doing, title ?? node_id, message].filter(Boolean).join('\n');
  const tags = [row.said?.tags, task?.tags].flatMap(each => (Array.isArray(each) ? (each as string[]) : []));
  const given = { node_id, error, kind, params, metrics, tags };
  return query.matches(
    { ...given, title: row.name, agent: row.name, message: said, status: 'running' },
    states
  );
}

/** The fields of a query that ask for the task that an agent is at, as they are typed. */
export function fieldsOfTasks(query: Query): string[] {
  const asked = query.terms.filter(({ field }) => OF_ITS_TASK.has(field)).map(({ field }) => `${field}:`);
  return [...new Set(asked)];
}
