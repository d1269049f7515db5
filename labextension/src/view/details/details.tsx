import { useState } from 'react';
import type { TreeNode, TreeReader } from '../../core/reader.js';
import { seenLine, seenLines } from '../../core/seen.js';
import { parseTime } from '../../core/times.js';
import { translatable } from '../../core/translatable.js';
import { formatClock, formatCount, formatElapsed, formatPercent, silenceText } from '../format.js';
import { statusName } from '../status.js';
import { errorText, reasonText } from '../reasons.js';
import { useStaleness, type Staleness } from '../staleness.js';
import { StaleIcon, StatusIcon } from '../status-icon.js';
import { elapsed, isHeard, isRunning } from '../elapsed.js';
import { titleOf, unusualText } from '../node.js';
import { Links, Pairs, Value } from './value.js';
import { listed, useWords, type Words } from '../words.js';

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
  const words = useWords();
  const stale = useStaleness();
  const node = tree.node(id);
  if (!node) {
    return (
      <Frame title={words.__('Removed')} onClose={() => onSelect(null)}>
        <p className="tt-details-line">{words.__('This task is no longer in the tree.')}</p>
      </Frame>
    );
  }
  const since = stale.since(id);
  const silence = since === null ? null : silenceText(words, since, today * 1000);
  const icon = silence === null ? <StatusIcon status={node.status} /> : <StaleIcon label={silence} />;
  const others = Object.entries(node).filter(([key, value]) => !PLACED.has(key) && value !== undefined);
  return (
    <Frame title={titleOf(node)} icon={icon} onClose={() => onSelect(null)}>
      <p className="tt-details-line">{summary(words, tree, node, now, ticks, stale)}</p>
      {silence === null ? null : (
        <p className="tt-details-line tt-warning">
          {silence}
          {': '}
          {words.__('the process that runs this task isn’t heard; it may be gone, or only away.')}
        </p>
      )}
      {node.message ? <p className="tt-details-line tt-details-message">{seenLines(node.message)}</p> : null}
      {node.unusual ? (
        <p className="tt-details-line tt-warning">
          {listed(
            words,
            [unusualText(words, node.unusual), when(node.unusual.timestamp, today)].filter(Boolean)
          )}
        </p>
      ) : null}
      <Failure node={node} />
      <Actions all={actions?.(tree, id) ?? []} />
      <Pairs title={words.__('Parameters')} values={node.params} />
      <Pairs title={words.__('Metrics')} values={node.metrics} numeric />
      <Log node={node} today={today} />
      <Dependencies tree={tree} ids={node.dependencies} onSelect={onSelect} />
      <Pairs title={words.__('Task')} values={facts(words, node, today)} plain />
      <Block title={words.__('Inputs')} value={node.inputs} />
      <Block title={words.__('Outputs')} value={node.outputs} />
      <Links links={node.links} />
      <Pairs title={words.__('Source')} values={node.source} />
      <Pairs title={words.__('Other fields')} values={Object.fromEntries(others)} />
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
  const words = useWords();
  return (
    // Escape closes it from wherever the keyboard is inside.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section
      className="tt-details"
      aria-label={words.__('Details of %1', title)}
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
          aria-label={words.__('Close details')}
          title={words.__('Close')}
          onClick={onClose}
        >
          <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
            <path d="M3.5 3.5 10.5 10.5M10.5 3.5 3.5 10.5" className="tt-stroke" />
          </svg>
        </button>
      </div>
      {/* Scrolls, so the keyboard must get in. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="tt-details-body" tabIndex={0} role="group" aria-label={words.__('Fields')}>
        {children}
      </div>
    </section>
  );
}

/** `failed after 9.8 s · attempt 2 · worker-3` */
function summary(
  words: Words,
  tree: TreeReader,
  node: TreeNode,
  now: number | null,
  ticks: boolean,
  stale: Staleness
): string {
  const time = elapsed(tree, node.node_id, now, stale);
  const running = isRunning(tree, node.node_id);
  const word = node.placeholder ? words.__('nothing heard of it yet') : statusName(words, node.status);
  const parts = [word];
  if (time !== null) {
    const long = formatElapsed(time, ticks && isHeard(tree, node.node_id, stale));
    parts[0] = running ? words.__('%1 for %2', word, long) : words.__('%1 after %2', word, long);
  }
  if (typeof node.progress === 'number' && node.status !== 'completed') {
    parts.push(formatPercent(Math.floor(node.progress * 1000 + 0.5)));
  }
  if ((node.attempt ?? 1) > 1) {
    parts.push(words.__('attempt %1', formatCount(node.attempt ?? 1)));
  }
  if (node.agent) {
    parts.push(seenLine(node.agent));
  }
  return parts.join(' · ');
}

function when(timestamp: string | undefined, today: number): string {
  const time = parseTime(timestamp);
  return time === null ? '' : formatClock(time, today * 1000, true);
}

function facts(words: Words, node: TreeNode, today: number): Record<string, unknown> {
  const all: Record<string, unknown> = {
    [words.__('id')]: node.node_id,
    [words.__('kind')]: node.kind,
    [words.__('trigger')]: node.trigger,
    [words.__('reason')]: node.reason === undefined ? undefined : reasonText(words, node.reason),
    [words.__('tags')]: listed(words, node.tags ?? []),
    [words.__('expected')]: node.expected === undefined ? undefined : formatCount(node.expected),
    [words.__('created')]: when(node.created_at, today),
    [words.__('queued')]: when(node.queued_at, today),
    [words.__('started')]: when(node.started_at, today),
    [words.__('ended')]: when(node.ended_at, today)
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== ''));
}

function Failure({ node }: { node: TreeNode }) {
  const words = useWords();
  const text = errorText(words, node);
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
          <pre className="tt-traceback" tabIndex={0} role="group" aria-label={words.__('Traceback')}>
            {seenLines(traceback)}
          </pre>
          <CopyButton text={traceback} label={words.__('Copy traceback')} />
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
  const words = useWords();
  const [said, setSaid] = useState<{ of: string; word: string } | null>(null);
  const copy = () => {
    // No clipboard where the page isn't served securely: there the text can still be selected.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const done = clipboard ? clipboard.writeText(text) : Promise.reject(new Error('no clipboard'));
    done.then(
      () => setSaid({ of: text, word: words.__('Copied') }),
      () => setSaid({ of: text, word: words.__('Can’t reach the clipboard: select the text instead') })
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

const LEVELS: Record<string, string> = {
  debug: translatable('debug'),
  info: translatable('info'),
  warning: translatable('warning'),
  error: translatable('error'),
  critical: translatable('critical')
};

function levelName(words: Words, level: string): string {
  const name = Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined;
  return name === undefined ? seenLine(level) : words.__(name);
}

function Log({ node, today }: { node: TreeNode; today: number }) {
  const words = useWords();
  if (!node.log) {
    return null;
  }
  const { counts, last } = node.log;
  const levels = listed(
    words,
    Object.entries(counts).map(([level, count]) => `${formatCount(count)} ${levelName(words, level)}`)
  );
  return (
    <>
      <h4 className="tt-details-heading">
        {words.__('Log')} <span className="tt-heading-note">{levels}</span>
      </h4>
      <p className={`tt-details-line tt-log tt-log-${last.level}`}>
        <span className="tt-faint">
          {when(last.timestamp, today)} {levelName(words, last.level)}
        </span>{' '}
        {seenLines(last.message)}
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
  const words = useWords();
  if (!ids?.length) {
    return null;
  }
  return (
    <>
      <h4 className="tt-details-heading">{words.__('After')}</h4>
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
                <span className="tt-faint">{seenLine(id)}</span>
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
