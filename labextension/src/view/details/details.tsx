import type { Follow, Hub } from '../../core/follow.js';
import type { TreeReader } from '../../core/reader.js';
import { seenLine, seenLines } from '../../core/seen.js';
import { silenceText } from '../format.js';
import { titleOf, unusualText } from '../node.js';
import { useStaleness } from '../staleness.js';
import { StaleIcon, StatusIcon } from '../status-icon.js';
import { listed, useWords } from '../words.js';
import { Attempts } from './attempts.js';
import { facts, otherFields, summary, when } from './facts.js';
import { Failure } from './failure.js';
import { Frame } from './frame.js';
import { Log } from './log.js';
import { Metrics } from './metrics.js';
import { Raw } from './raw.js';
import { Dependencies, Path } from './relations.js';
import { historyOf, type Scene } from './scene.js';
import { Timings } from './timings.js';
import { Block, Links, Pairs } from './value.js';

interface Props {
  projectId: string | null;
  follow: Follow | null;
  hub: Hub | null;
  tree: TreeReader;
  id: string;
  now: number | null;
  /** Milliseconds since 1970, to tell today's times from others. */
  today: number;
  ticks: boolean;
  onSelect: (id: string | null) => void;
  actions?: NodeActions;
  /** What leads from a failure to those like it. */
  alike?: React.ReactNode;
}

/** Something that the host of a view can do about a task. */
export interface NodeAction {
  label: string;
  /** What it does, in a sentence. */
  title?: string;
  run: () => void;
}

export type NodeActions = (tree: TreeReader, id: string) => readonly NodeAction[];

/** All that is known of one task: what went wrong first, then what it was given, and what became of it. */
export function Details(props: Props) {
  const { projectId, follow, hub, tree, id, now, today, ticks, onSelect, actions, alike } = props;
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
  const scene: Scene = {
    ...{ tree, node, now, today, ticks, follow, onSelect },
    projectId: projectId ?? '',
    history: historyOf(hub, projectId)
  };
  return (
    <Frame title={titleOf(node)} icon={icon} onClose={() => onSelect(null)}>
      <Path tree={tree} id={id} onSelect={onSelect} />
      <p className="tt-details-line">
        {summary(words, tree, node, now, ticks, stale)}
        {node.agent ? (
          <>
            {' · '}
            <span className="tt-details-agent">{seenLine(node.agent)}</span>
          </>
        ) : null}
      </p>
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
      <Failure node={node} more={alike} />
      <Actions all={actions?.(tree, id) ?? []} />
      <Pairs id="params" title={words.__('Parameters')} values={node.params} />
      <Metrics scene={scene} />
      <Log scene={scene} />
      <Attempts scene={scene} />
      <Dependencies tree={tree} ids={node.dependencies} onSelect={onSelect} />
      <Timings scene={scene} />
      <Block id="inputs" title={words.__('Inputs')} value={node.inputs} />
      <Block id="outputs" title={words.__('Outputs')} value={node.outputs} />
      <Links links={node.links} />
      <Pairs id="task" title={words.__('Task')} values={facts(words, node)} plain />
      <Pairs id="source" title={words.__('Source')} values={node.source} />
      <Pairs id="other" title={words.__('Other fields')} values={otherFields(node)} />
      <Raw value={node} />
    </Frame>
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
