import { useState } from 'react';
import type { TreeNode, TreeReader } from '../core/reader.js';
import { parseTime } from '../core/times.js';
import { formatClock, formatCount, formatElapsed, formatPercent, ordinal } from './format.js';
import { STATUS_NAMES } from './status.js';
import { StatusIcon } from './status-icon.js';
import { elapsed, errorText, isRunning, titleOf } from './tree-row.js';
import { Links, Pairs, Value } from './value.js';

interface Props {
  tree: TreeReader;
  id: string;
  now: number | null;
  /** Milliseconds since 1970, to tell today's times from others. */
  today: number;
  ticks: boolean;
  onSelect: (id: string | null) => void;
  actions?: NodeActions;
}

/** Something that the host of a view can do about a task. */
export interface NodeAction {
  label: string;
  /** What it does, in a sentence. */
  title?: string;
  run: () => void;
}

export type NodeActions = (tree: TreeReader, id: string) => readonly NodeAction[];

/** Fields that have a place of their own below; any other is listed as it is. */
const PLACED: ReadonlySet<string> = new Set([
  'node_id',
  'parent_id',
  'title',
  'kind',
  'status',
  'progress',
  'expected',
  'message',
  'agent',
  'attempt',
  'dependencies',
  'params',
  'metrics',
  'inputs',
  'outputs',
  'error',
  'queued_at',
  'created_at',
  'started_at',
  'ended_at',
  'trigger',
  'reason',
  'source',
  'tags',
  'links',
  'unusual',
  'log',
  'placeholder',
  'rollup'
]);

export function Details({ tree, id, now, today, ticks, onSelect, actions }: Props) {
  const node = tree.node(id);
  if (!node) {
    return (
      <Frame title="Removed" onClose={() => onSelect(null)}>
        <p className="tt-details-line">This task is no longer in the tree.</p>
      </Frame>
    );
  }
  const others = Object.entries(node).filter(([key, value]) => !PLACED.has(key) && value !== undefined);
  return (
    <Frame title={titleOf(node)} icon={<StatusIcon status={node.status} />} onClose={() => onSelect(null)}>
      <p className="tt-details-line">{summary(tree, node, now, ticks)}</p>
      {node.message ? <p className="tt-details-line tt-details-message">{node.message}</p> : null}
      {node.unusual ? (
        <p className="tt-details-line tt-warning">
          Unusual: from {node.unusual.from} to {node.unusual.to}
          {when(node.unusual.timestamp, today, ', ')}
        </p>
      ) : null}
      <Failure node={node} />
      <Actions all={actions?.(tree, id) ?? []} />
      <Pairs title="Parameters" values={node.params} />
      <Pairs title="Metrics" values={node.metrics} numeric />
      <Log node={node} today={today} />
      <Dependencies tree={tree} ids={node.dependencies} onSelect={onSelect} />
      <Pairs title="Task" values={facts(node, today)} plain />
      <Block title="Inputs" value={node.inputs} />
      <Block title="Outputs" value={node.outputs} />
      <Links links={node.links} />
      <Pairs title="Source" values={node.source} />
      <Pairs title="Other fields" values={Object.fromEntries(others)} />
    </Frame>
  );
}

interface FrameProps {
  title: string;
  icon?: React.ReactNode;
  onClose: () => void;
  children: React.ReactNode;
}

function Frame({ title, icon, onClose, children }: FrameProps) {
  return (
    // Escape closes it from wherever the keyboard is inside.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section
      className="tt-details"
      aria-label={`Details of ${title}`}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.preventDefault();
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <div className="tt-details-head">
        {icon}
        <h3 className="tt-details-title" title={title}>
          {title}
        </h3>
        <button
          type="button"
          className="tt-icon-button"
          aria-label="Close details"
          title="Close"
          onClick={onClose}
        >
          <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
            <path d="M3.5 3.5 10.5 10.5M10.5 3.5 3.5 10.5" className="tt-stroke" />
          </svg>
        </button>
      </div>
      {/* Scrolls, so the keyboard must get in. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="tt-details-body" tabIndex={0} role="group" aria-label="Fields">
        {children}
      </div>
    </section>
  );
}

/** `failed after 9.8 s · 2nd attempt · worker-3` */
function summary(tree: TreeReader, node: TreeNode, now: number | null, ticks: boolean): string {
  const time = elapsed(tree, node.node_id, now);
  const running = isRunning(tree, node.node_id);
  const word = node.placeholder ? 'nothing heard of it yet' : STATUS_NAMES[node.status];
  const parts = [
    time === null ? word : `${word} ${running ? 'for' : 'after'} ${formatElapsed(time, ticks && running)}`
  ];
  if (typeof node.progress === 'number' && node.status !== 'completed') {
    parts.push(formatPercent(Math.floor(node.progress * 1000 + 0.5)));
  }
  if ((node.attempt ?? 1) > 1) {
    parts.push(`${ordinal(node.attempt ?? 1)} attempt`);
  }
  if (node.agent) {
    parts.push(node.agent);
  }
  return parts.join(' · ');
}

function when(timestamp: string | undefined, today: number, before = ''): string {
  const time = parseTime(timestamp);
  return time === null ? '' : `${before}${formatClock(time, today * 1000, true)}`;
}

function facts(node: TreeNode, today: number): Record<string, unknown> {
  const all: Record<string, unknown> = {
    id: node.node_id,
    kind: node.kind,
    trigger: node.trigger,
    reason: node.reason,
    tags: node.tags?.length ? node.tags.join(', ') : undefined,
    expected: node.expected === undefined ? undefined : formatCount(node.expected),
    created: when(node.created_at, today),
    queued: when(node.queued_at, today),
    started: when(node.started_at, today),
    ended: when(node.ended_at, today)
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''));
}

function Failure({ node }: { node: TreeNode }) {
  const text = errorText(node);
  const traceback = node.error?.traceback;
  if (!text && !traceback) {
    return null;
  }
  return (
    <div className="tt-error">
      {text ? <p className="tt-error-text">{text}</p> : null}
      {traceback ? (
        <>
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="tt-traceback" tabIndex={0} role="group" aria-label="Traceback">
            {traceback}
          </pre>
          <CopyButton text={traceback} label="Copy traceback" />
        </>
      ) : null}
    </div>
  );
}

function Actions({ all }: { all: readonly NodeAction[] }) {
  return all.length === 0 ? null : (
    <p className="tt-details-line tt-actions">
      {all.map(({ label, title, run }) => (
        <button key={label} type="button" className="tt-link" title={title} onClick={run}>
          {label}
        </button>
      ))}
    </p>
  );
}

function CopyButton({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState<{ of: string; word: string } | null>(null);
  const copy = () => {
    // No clipboard where the page isn't served securely: there the text can still be selected.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const done = clipboard ? clipboard.writeText(text) : Promise.reject(new Error('no clipboard'));
    done.then(
      () => setSaid({ of: text, word: 'Copied' }),
      () => setSaid({ of: text, word: 'Can’t reach the clipboard: select the text instead' })
    );
  };
  return (
    <>
      <button type="button" className="tt-link" onClick={copy}>
        {label}
      </button>{' '}
      <span role="status" className="tt-faint">
        {said?.of === text ? said.word : ''}
      </span>
    </>
  );
}

function Log({ node, today }: { node: TreeNode; today: number }) {
  if (!node.log) {
    return null;
  }
  const { counts, last } = node.log;
  const levels = Object.entries(counts)
    .map(([level, count]) => `${formatCount(count)} ${level}`)
    .join(', ');
  return (
    <>
      <h4 className="tt-details-heading">
        Log <span className="tt-heading-note">{levels}</span>
      </h4>
      <p className={`tt-details-line tt-log tt-log-${last.level}`}>
        <span className="tt-faint">
          {when(last.timestamp, today)} {last.level}
        </span>{' '}
        {last.message}
      </p>
    </>
  );
}

interface DependenciesProps {
  tree: TreeReader;
  ids: string[] | undefined;
  onSelect: (id: string) => void;
}

function Dependencies({ tree, ids, onSelect }: DependenciesProps) {
  if (!ids?.length) {
    return null;
  }
  return (
    <>
      <h4 className="tt-details-heading">After</h4>
      <ul className="tt-dependencies">
        {ids.map((id, index) => {
          const node = tree.node(id);
          return (
            <li key={`${index} ${id}`}>
              {node ? (
                <button type="button" className="tt-link" onClick={() => onSelect(id)}>
                  <StatusIcon status={node.status} />
                  {titleOf(node)}
                </button>
              ) : (
                <span className="tt-faint">{id}</span>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Block({ title, value }: { title: string; value: unknown }) {
  if (value === undefined || value === null) {
    return null;
  }
  return (
    <>
      <h4 className="tt-details-heading">{title}</h4>
      <div className="tt-details-line">
        <Value value={value} />
      </div>
    </>
  );
}
