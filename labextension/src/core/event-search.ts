/**
 * What a search means for the log: words stand in an event, `status:` is the status that it says, and every other field chooses the tasks that it is
 * about, as they are now.
 */
import type { TreeEvent } from './envelope.js';
import type { EventQuery } from './history.js';
import { isObject } from './json.js';
import { isForStale, spellingsOf, type Query, type Term } from './query.js';
import type { TreeNode, TreeReader } from './reader.js';
import { parseStatus } from './status.js';
import { mentions, nodeOf } from './wanted.js';

/** Those that say a status. */
const TELLING = ['node_update', 'task_status_changed', 'state_transition'];
/** With more tasks, or characters of their ids, the server isn't asked for these alone, nor are they looked for in a larger tree. */
const MOST = 50;
const LONGEST = 6_000;
const GLANCE = 20_000;
/** The server takes no longer text. */
const LONGEST_TEXT = 1_000;

export class EventSearch {
  private readonly words: readonly Term[];
  private readonly statuses: readonly Term[];
  private readonly ofTasks: readonly Term[];

  constructor(
    query: Query,
    private readonly tree: TreeReader
  ) {
    this.words = query.terms.filter(({ field }) => field === null);
    this.statuses = query.terms.filter(({ field }) => field === 'status');
    this.ofTasks = query.terms.filter(({ field }) => field !== null && field !== 'status');
  }

  /** Whether it is asked for what no event says: that tasks are stale the server knows, and forgets. */
  get isUnsayable(): boolean {
    return this.statuses.some(
      ({ isNot, value }) => !isNot && isForStale(value) && spellingsOf(value).length === 0
    );
  }

  readonly matches = (event: TreeEvent): boolean => {
    const said = statusOf(event);
    const id = nodeOf(event);
    const node = id === null ? undefined : this.tree.node(id);
    return (
      this.words.every(({ value, isNot }) => mentions(event, value.toLowerCase()) !== isNot) &&
      this.statuses.every(term => term.holds(NOBODY, said) !== term.isNot) &&
      this.ofTasks.every(term => (node !== undefined && term.holds(node, said)) !== term.isNot)
    );
  };

  /** As much of it as a server can be asked, within `scope`: all that matches, and perhaps more. Null: nothing can match. */
  narrow(scope: EventQuery): EventQuery | null {
    if (this.isUnsayable) {
      return null;
    }
    const status = this.statuses.find(({ isNot }) => !isNot);
    const types = scope.types ?? [];
    const telling = status ? TELLING.filter(type => types.length === 0 || types.includes(type)) : types;
    if (status && telling.length === 0) {
      return null;
    }
    const chosen = this.chosen(scope);
    if (chosen?.length === 0) {
      return null;
    }
    const texts = this.words.filter(({ isNot }) => !isNot).map(({ value }) => value);
    const text = [...texts, ...(status ? commonTo(status.value) : [])][0] ?? '';
    return {
      ...scope,
      types: telling,
      contains: text.slice(0, LONGEST_TEXT),
      ...(chosen ? { nodeIds: chosen, below: false } : {})
    };
  }

  /** The tasks that it chooses, where they are few; null where all have to be looked through. */
  private chosen({ nodeIds = [], below = false }: EventQuery): string[] | null {
    if (this.ofTasks.every(({ isNot }) => isNot)) {
      return null;
    }
    const found: string[] = [];
    const stack = [...(nodeIds.length > 0 ? nodeIds : this.tree.roots)];
    let length = 0;
    for (let id = stack.pop(), seen = 1; id !== undefined; id = stack.pop(), seen += 1) {
      const node = this.tree.node(id);
      if (node && this.ofTasks.every(term => term.holds(node, []) !== term.isNot)) {
        found.push(id);
        length += id.length;
      }
      if (found.length > MOST || length > LONGEST || seen > GLANCE) {
        return null;
      }
      if (below || nodeIds.length === 0) {
        stack.push(...this.tree.children(id));
      }
    }
    return found;
  }
}

const NOBODY: TreeNode = { node_id: '', status: 'draft' };

/** As it was sent, and as it is read. */
function statusOf({ type, data }: TreeEvent): string[] {
  const changes = isObject(data.changes) ? data.changes : {};
  const said =
    type === 'task_status_changed'
      ? data.status
      : type === 'state_transition'
        ? data.to
        : type === 'node_update'
          ? changes.status
          : undefined;
  return typeof said === 'string' ? [said, parseStatus(said) ?? said] : [];
}

/** What stands in all words for a status, if they have something in common: older events say some in other words. */
function commonTo(value: string): string[] {
  const word = value.toLowerCase();
  return !word.includes(',') && spellingsOf(value).every(each => each.includes(word)) ? [word] : [];
}
