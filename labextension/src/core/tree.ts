/** The fold (docs/fold.md): one event after the other, in O(depth) each, never raising. Python's `core/tree.py` is its twin. */
import type { NodeLogEvent } from './envelope.js';
import { ChangeLog } from './change-log.js';
import { Coordination } from './coordination.js';
import { Entry, Siblings } from './entry.js';
import { isObject, mergePatch, own, put, type JsonObject } from './json.js';
import type { Changes, Omitted, Rollup, Span, Status, TreeNode, TreeReader } from './reader.js';
import { checkData, isEventType } from './shape.js';
import { Snapshots } from './snapshots.js';
import type { Flagged, Snapshot, SourceAgents, SourceOrchestrator, TreeState } from './state.js';
import { parseStatus } from './status.js';
import { enter, record, transition, type Reported } from './transition.js';
import { nodeOf } from './wanted.js';

/** Goes up whenever a rule of the fold changes. */
export const FOLD_VERSION = 2;
export const MAX_NODES = 200_000;
export const MAX_DEPTH = 64;
const MAX_TOMBSTONES = 200_000;
const MAX_PULSES = 10_000;

const NO_CHILDREN: readonly string[] = [];
/** Not patched like other fields: they have rules of their own, or belong to the fold. */
const NOT_PATCHED: ReadonlySet<string> = new Set([
  'node_id',
  'parent_id',
  'status',
  'log',
  'unusual',
  'placeholder',
  'rollup'
]);

interface Step {
  timestamp: string;
  source: string;
}

export class TaskTree implements TreeReader {
  private readonly entries = new Map<string, Entry>();
  private readonly top = new Siblings();
  private readonly removed = new Set<string>();
  /** Goes once through `removed`, oldest first, as they have to leave. */
  private readonly oldestRemoved = this.removed.values();
  private readonly coordination = new Coordination();
  private readonly named = new Snapshots();
  private lastOffset = 0;
  private lastAt = 0;
  private projectStatus: string | null = null;
  private droppedCount = 0;
  private overflowCount = 0;
  private flags: Flagged = { count: 0, last: null };
  private changeCount = 0;
  private readonly changed = new ChangeLog();
  private readonly heard = new Map<string, number>();
  private readonly entryOf = (id: string) => this.entries.get(id) as Entry;

  /** The tree of a snapshot. `nodes`: parents first. */
  static load(state: TreeState, nodes: Iterable<TreeNode>): TaskTree {
    const tree = new TaskTree();
    tree.lastOffset = state.offset;
    tree.lastAt = state.at;
    tree.projectStatus = state.status;
    tree.droppedCount = state.dropped;
    tree.overflowCount = state.overflow;
    tree.flags = state.flagged;
    tree.coordination.load(state);
    tree.named.load(state);
    for (const id of state.tombstones) {
      tree.removed.add(id);
    }
    tree.extend(nodes);
    return tree;
  }

  /** More nodes of a snapshot that comes in parts. */
  extend(nodes: Iterable<TreeNode>): void {
    for (const fields of nodes) {
      this.grow(fields, fields.parent_id === undefined ? null : (this.entries.get(fields.parent_id) ?? null));
    }
    this.changeCount++;
    this.changed.forget();
  }

  get offset(): number {
    return this.lastOffset;
  }

  get at(): number {
    return this.lastAt;
  }

  get version(): number {
    return this.changeCount;
  }

  /** How many nodes there are. */
  get size(): number {
    return this.entries.size;
  }

  /** The project's own state. */
  get status(): string | null {
    return this.projectStatus;
  }

  /** By source; "" where an event had none. */
  get agents(): ReadonlyMap<string, SourceAgents> {
    return this.coordination.agents;
  }

  get orchestrators(): ReadonlyMap<string, SourceOrchestrator> {
    return this.coordination.orchestrators;
  }

  get pulses(): ReadonlyMap<string, number> {
    return this.heard;
  }

  get snapshots(): ReadonlyMap<string, Snapshot> {
    return this.named.byId;
  }

  /** How many events sources said they dropped. */
  get dropped(): number {
    return this.droppedCount;
  }

  /** How many events were about nodes that have no place any more. */
  get overflow(): number {
    return this.overflowCount;
  }

  /** Events that had no effect, though they should. */
  get flagged(): Flagged {
    return this.flags;
  }

  get roots(): readonly string[] {
    return this.top.list;
  }

  /** Another object after each change of the node, and not before. */
  node(id: string): TreeNode | undefined {
    return this.entries.get(id)?.fields;
  }

  children(id: string): readonly string[] {
    return this.entries.get(id)?.children?.list ?? NO_CHILDREN;
  }

  rollup(id: string): Rollup {
    return (
      this.entries.get(id)?.rollup() ?? { leaves: 0, total: 0, done: 0, progress: 0, failures: 0, counts: {} }
    );
  }

  span(id: string): Span {
    return this.entries.get(id)?.span(this.entryOf) ?? { startedAt: null, endedAt: null };
  }

  changes(mark: number | null): Changes {
    return this.changed.since(mark);
  }

  omitted(_parentId: string | null): Omitted | null {
    return null;
  }

  state(): TreeState {
    return {
      fold: FOLD_VERSION,
      offset: this.lastOffset,
      at: this.lastAt,
      status: this.projectStatus,
      roots: this.roots,
      ...this.coordination.state,
      ...this.named.state,
      tombstones: [...this.removed],
      dropped: this.droppedCount,
      overflow: this.overflowCount,
      flagged: this.flags
    };
  }

  /** Depth first, parents first, siblings in their order. */
  *nodes(): Generator<TreeNode> {
    for (const entry of this.below(this.roots)) {
      yield entry.fields;
    }
  }

  /** One event of the log. Whatever it holds, this doesn't raise. */
  apply(event: object): void {
    const { type, data, timestamp, source, offset, at } = event as Record<string, unknown>;
    this.lastOffset = Number.isSafeInteger(offset) ? (offset as number) : this.lastOffset + 1;
    this.lastAt = Number.isSafeInteger(at) ? (at as number) : this.lastAt;
    this.changeCount++;
    const isValid =
      isEventType(type) && isObject(data) && typeof timestamp === 'string' && !checkData(type, data);
    if (!isValid) {
      this.flag('invalid');
      return;
    }
    this.fold(type, data, { timestamp, source: typeof source === 'string' ? source : '' });
    const agent = this.entries.get(nodeOf({ data }) ?? '')?.fields.agent;
    if (agent !== undefined) {
      this.hear(agent);
    }
  }

  /** The longest unheard go first. */
  private hear(agent: string): void {
    this.heard.delete(agent);
    this.heard.set(agent, this.lastAt);
    if (this.heard.size > MAX_PULSES) {
      this.heard.delete(this.heard.keys().next().value as string);
    }
  }

  private fold(type: string, data: JsonObject, step: Step): void {
    switch (type) {
      case 'task_status_changed':
        this.setStatus(data.task_id as string, data.status, step, null);
        break;
      case 'node_update':
        if (data.changes === null) {
          this.remove(data.node_id as string);
        } else {
          this.update(data.node_id as string, data.changes as JsonObject, step);
        }
        break;
      case 'state_transition': {
        const context = isObject(data.context) ? data.context : {};
        if (typeof context.node_id === 'string') {
          this.setStatus(context.node_id, data.to, step, { from: data.from, context });
        } else {
          this.projectStatus = data.to as string;
        }
        break;
      }
      case 'node_log':
        this.log(data as unknown as NodeLogEvent, step);
        break;
      case 'mission_snapshot':
        if (!this.named.add(data, { timestamp: step.timestamp, offset: this.lastOffset, at: this.lastAt })) {
          this.flag('duplicate');
        }
        break;
      case 'snapshot_update':
        if (!this.named.update(data.snapshot_id as string, data.changes as JsonObject | null)) {
          this.flag('unknown_snapshot');
        }
        break;
      case 'coordination_update':
        this.coordination.coordinate(step.source, step.timestamp, data);
        break;
      case 'orchestrator_started':
        this.coordination.started(step.source, step.timestamp, data);
        break;
      case 'orchestrator_stopped':
        this.coordination.stopped(step.source, step.timestamp);
        break;
      case 'orchestrator_error':
        this.coordination.failed(step.source, step.timestamp, data.error as string);
        break;
      case 'events_dropped':
        this.droppedCount = Math.min(this.droppedCount + (data.count as number), Number.MAX_SAFE_INTEGER);
        break;
    }
  }

  private setStatus(id: string, word: unknown, step: Step, reported: Reported | null): void {
    const status = parseStatus(word) as Status;
    const entry = this.entries.get(id);
    if (this.removed.has(id) || (!entry && this.isFull(1))) {
      return;
    }
    const { fields, isFresh } = begin(entry, id, step);
    if (isFresh) {
      enter(fields, status, step.timestamp, reported);
    } else {
      transition(fields, status, step.timestamp, reported);
    }
    this.commit(entry, fields, entry?.parent ?? null);
  }

  private update(id: string, changes: JsonObject, step: Step): void {
    const isSet = (key: string) => changes[key] !== undefined && changes[key] !== null;
    if (this.removed.has(id) && !isSet('title') && !isSet('parent_id')) {
      return;
    }
    const entry = this.entries.get(id);
    const parent = this.place(id, entry, changes);
    if (parent === undefined) {
      return;
    }
    this.removed.delete(id);
    const { fields, isFresh } = begin(entry, id, step);
    const status = parseStatus(changes.status);
    if (status && isFresh) {
      enter(fields, status, step.timestamp, null);
    } else if (status) {
      transition(fields, status, step.timestamp, null);
    }
    patch(fields, changes, isFresh);
    this.commit(entry, fields, parent);
  }

  /** Where a `node_update` puts its node: a parent, or null for the top; undefined where the event has no effect. */
  private place(id: string, entry: Entry | undefined, changes: JsonObject): Entry | null | undefined {
    const current = entry?.parent ?? null;
    const wanted = changes.parent_id;
    if (typeof wanted !== 'string') {
      const stays = wanted === undefined ? current : null;
      return !entry && this.isFull(1) ? undefined : stays;
    }
    if (wanted === current?.id) {
      return current;
    }
    const parent = this.entries.get(wanted);
    if (wanted === id || (entry && parent?.isAtOrBelow(entry))) {
      this.flag('cycle');
      return undefined;
    }
    if (this.removed.has(wanted)) {
      if (entry) {
        this.flag('parent_removed');
      } else {
        this.bury(id);
      }
      return undefined;
    }
    if (this.isFull((entry ? 0 : 1) + (parent ? 0 : 1))) {
      return undefined;
    }
    const depth = parent?.depth() ?? 1;
    const isTooDeep =
      depth + (entry?.heightBound ?? 1) > MAX_DEPTH && depth + (entry?.height(this.entryOf) ?? 1) > MAX_DEPTH;
    if (isTooDeep) {
      this.flag('depth');
      return undefined;
    }
    return parent ?? this.grow({ node_id: wanted, status: 'draft', placeholder: true }, null);
  }

  private remove(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) {
      this.bury(id);
      return;
    }
    const all = [...this.below([id])];
    this.detach(entry);
    for (const { id: gone } of all) {
      this.changed.add(gone);
      this.entries.delete(gone);
      this.bury(gone);
    }
  }

  private log(line: NodeLogEvent, step: Step): void {
    const entry = this.entries.get(line.node_id);
    if (this.removed.has(line.node_id) || (!entry && this.isFull(1))) {
      return;
    }
    const fields: TreeNode = entry
      ? { ...entry.fields }
      : { node_id: line.node_id, status: 'draft', placeholder: true };
    record(fields, line, step.timestamp);
    this.commit(entry, fields, entry?.parent ?? null);
  }

  private commit(entry: Entry | undefined, fields: TreeNode, parent: Entry | null): void {
    if (parent) {
      fields.parent_id = parent.id;
    } else {
      delete fields.parent_id;
    }
    if (!entry) {
      this.grow(fields, parent);
      return;
    }
    this.changed.add(entry.id);
    entry.setFields(fields);
    if (entry.parent !== parent) {
      this.detach(entry);
      this.attach(entry, parent);
    }
  }

  private grow(fields: TreeNode, parent: Entry | null): Entry {
    const entry = new Entry(fields);
    this.changed.add(entry.id);
    this.entries.set(entry.id, entry);
    this.attach(entry, parent);
    return entry;
  }

  private attach(entry: Entry, parent: Entry | null): void {
    if (parent) {
      parent.attach(entry);
    } else {
      this.top.add(entry.id);
    }
  }

  private detach(entry: Entry): void {
    if (entry.parent) {
      this.changed.add(entry.parent.id);
      entry.detach();
    } else {
      this.top.delete(entry.id);
    }
  }

  private bury(id: string): void {
    this.removed.add(id);
    if (this.removed.size > MAX_TOMBSTONES) {
      this.removed.delete(this.oldestRemoved.next().value as string);
    }
  }

  private isFull(needed: number): boolean {
    const isFull = needed > 0 && this.entries.size + needed > MAX_NODES;
    if (isFull) {
      this.overflowCount++;
    }
    return isFull;
  }

  private flag(reason: string): void {
    this.flags = { count: this.flags.count + 1, last: { offset: this.lastOffset, reason } };
  }

  private *below(ids: readonly string[]): Generator<Entry> {
    const stack = [...ids].reverse();
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      const entry = this.entryOf(id);
      yield entry;
      const children = entry.children?.list ?? NO_CHILDREN;
      for (let index = children.length - 1; index >= 0; index--) {
        stack.push(children[index] as string);
      }
    }
  }
}

/** Fields to change for an event, and whether the node is new or known only by name so far. */
function begin(entry: Entry | undefined, id: string, step: Step): { fields: TreeNode; isFresh: boolean } {
  const isFresh = !entry || entry.fields.placeholder === true;
  const fields: TreeNode = entry ? { ...entry.fields } : { node_id: id, status: 'draft' };
  if (isFresh) {
    delete fields.placeholder;
    fields.created_at = step.timestamp;
  }
  return { fields, isFresh };
}

function patch(fields: TreeNode, changes: JsonObject, isFresh: boolean): void {
  for (const key of Object.keys(changes)) {
    const value = changes[key];
    if (NOT_PATCHED.has(key) || (isFresh && key === 'created_at' && value === null)) {
      continue;
    }
    if (value === null) {
      Reflect.deleteProperty(fields, key);
    } else {
      put(fields, key, isObject(value) ? mergePatch(own(fields, key), value) : value);
    }
  }
}
