import { useCallback, useContext, useEffect, useId, useMemo, useRef, useState } from 'react';
import type { Follow, Hub } from '../core/follow.js';
import { NOTHING_STALE } from '../core/presence.js';
import type { TreeReader } from '../core/reader.js';
import { seenLine } from '../core/seen.js';
import { Attention } from './attention/attention.js';
import { useNow } from './clock.js';
import { Details, type NodeActions } from './details/details.js';
import { Empty } from './empty.js';
import { AttemptContext, ErrorBoundary } from './error-boundary.js';
import { AlikeFailures } from './failures/alike.js';
import { onViewKey } from './view-keys.js';
import { ALL_RUNS, Header } from './header.js';
import { StatusGrid } from './grid/status-grid.js';
import { useFollow } from './hooks.js';
import { useQuery } from './use-query.js';
import { Losses } from './losses.js';
import { Search } from './search.js';
import { forget, MemoryContext, memoryOf, useRemembered } from './memory.js';
import { StorageNotices } from './storage-notice.js';
import { missionsOf } from './missions.js';
import type { PartProps, Reveal } from './part.js';
import { PartSwitch } from './part-switch.js';
import { PARTS, partOf } from './parts.js';
import { treePart } from './tree/tree-part.js';
import { NONE, stalenessOf, StalenessContext } from './staleness.js';
import { SeriesContext } from './sparkline.js';
import { isHeard } from './elapsed.js';
import { titleOf } from './node.js';
import { useWords } from './words.js';

/** A tree that was saved with the notebook. */
export interface Stored {
  tree: TreeReader;
  title: string | null;
  epoch: string | null;
}

export interface TreeViewProps {
  projectId: string | null;
  /** Shown until the live one is there, and where it never will be. */
  stored?: Stored | null;
  follow: Follow | null;
  hub: Hub | null;
  /** The run to show; null: the newest. */
  missionId: string | null;
  /** With `missionId` null: always the newest; else the newest at the first sight of one. */
  followNewest?: boolean;
  layout: 'inline' | 'fill';
  /** False where the connection is told elsewhere. */
  badge?: boolean;
  /** Who feeds `follow`. */
  source?: 'server' | 'kernel';
  /** False where the runs are listed elsewhere. */
  runs?: boolean;
  /** False where what needs attention is listed elsewhere. */
  attention?: boolean;
  /** Called when somebody chooses another run. */
  onMission?: (id: string) => void;
  /** A task to select and scroll to. Another object is another wish, also for the same task. */
  reveal?: Reveal | null;
  /** What the host can do about a task; shown with its details. */
  actions?: NodeActions;
  /** The host's own buttons, at the end of the header. */
  tools?: React.ReactNode;
}

interface Picture {
  tree: TreeReader;
  live: boolean;
}

/**
 * The live tree where it holds the run that is meant, else the stored one. A live tree that is still behind the stored one isn't shown
 * yet: the view never goes back in time.
 */
export function pictureOf(
  stored: Stored | null,
  follow: Pick<Follow, 'tree' | 'epoch' | 'status'> | null,
  missionId: string | null
): Picture | null {
  const tree = follow?.tree ?? null;
  const old = stored?.tree ?? null;
  if (tree && old) {
    const holdsIt =
      missionId === null
        ? tree.roots.length > 0 || old.roots.length === 0
        : tree.node(missionId) !== undefined;
    const behind = follow?.epoch === stored?.epoch && tree.offset < old.offset;
    if (!holdsIt || (behind && follow?.status !== 'live')) {
      return { tree: old, live: false };
    }
  }
  if (tree) {
    return { tree, live: true };
  }
  return old ? { tree: old, live: false } : null;
}

/** A project's run in its parts, with all that says whether it may be believed. */
export function TreeView(props: TreeViewProps) {
  const { projectId } = props;
  const around = useContext(AttemptContext);
  const [forgotten, setForgotten] = useState(0);
  const attempt = useMemo(() => ({ projectId, around, forgotten }), [projectId, around, forgotten]);
  const startAfresh = useCallback(() => {
    forget(projectId);
    setForgotten(times => times + 1);
  }, [projectId]);
  return (
    <MemoryContext.Provider value={memoryOf(projectId)}>
      <ErrorBoundary attempt={attempt} onForget={startAfresh}>
        <ProjectView key={projectId} {...props} />
      </ErrorBoundary>
    </MemoryContext.Provider>
  );
}

function ProjectView(props: TreeViewProps) {
  const { projectId, follow, hub, layout, badge = true, runs = true, onMission } = props;
  const words = useWords();
  const stored = props.stored ?? null;
  const { state, version, heardAt } = useFollow(follow, hub, props.source);
  const [chosen, setChosen] = useState<string | null>(null);
  const [pinned, setPinned] = useState<string | null>(null);
  const [part, setPart] = useRemembered('part', partOf);
  const memory = useContext(MemoryContext);
  const [kept] = useState(() => memory.read('selected', selectionOf));
  const [picked, setPicked] = useState<{ node: string | null } | null>(null);
  const [wish, setWish] = useState<Reveal | null>(null);
  const [heard, setHeard] = useState<Reveal | null>(null);
  const [search, setSearch] = useRemembered('search', textOf);
  const bodyId = useId();
  const [partTools, setPartTools] = useState<HTMLElement | null>(null);
  const retry = useMemo(() => (hub ? () => hub.retryNow() : undefined), [hub]);

  const reveal = useCallback(
    (wanted: Reveal) => {
      setWish(wanted);
      setPicked({ node: wanted.nodeId });
      setPart('tree');
    },
    [setPart]
  );
  const asked = props.reveal ?? null;
  if (asked !== heard) {
    setHeard(asked);
    if (asked) {
      setChosen(null);
      reveal(asked);
    }
  }

  const wanted = chosen === ALL_RUNS ? null : (chosen ?? props.missionId ?? pinned);
  const picture = pictureOf(stored, follow, wanted);
  const missions = useMemo(
    () => (picture ? missionsOf(picture.tree) : []),
    // The tree is one object that grows: its version says that it did.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [picture?.tree, version]
  );
  const newest = missions[0]?.id ?? null;
  if (!props.followNewest && props.missionId === null && pinned === null && newest !== null) {
    setPinned(newest);
  }
  const mission = chosen === ALL_RUNS ? null : (wanted ?? newest);
  const roots = useMemo(() => (mission === null ? null : [mission]), [mission]);

  const isLive = (state.kind === 'live' || state.kind === 'kernel') && picture?.live === true;
  const tree = picture?.tree ?? null;
  // Live is said of what is shown: a stored tree over a live connection isn't.
  const shownAs = state.kind === 'live' && picture !== null && !picture.live ? 'stored' : state.kind;
  const shownRoots = roots ?? tree?.roots ?? [];
  const silent = picture?.live === true ? (follow?.stale ?? NOTHING_STALE) : NOTHING_STALE;
  const query = useQuery(search, silent);
  const staleness = useMemo(
    () => (tree ? stalenessOf(tree, silent) : NONE),
    // As above.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [tree, silent, version]
  );
  const ticks = isLive && tree !== null && shownRoots.some(id => isHeard(tree, id, staleness));
  const clock = useNow(ticks);
  const now = timedTo(tree, picture?.live === true, isLive, clock, heardAt);

  const choose = useCallback(
    (id: string) => {
      setChosen(id);
      setPicked({ node: null });
      onMission?.(id);
    },
    [onMission]
  );

  const body = useRef<HTMLDivElement>(null);
  const select = useCallback((node: string | null) => {
    // Who closes the details from inside them is at the task again.
    if (node === null && document.activeElement?.closest('.tt-details')) {
      body.current?.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus({ preventScroll: true });
    }
    setPicked({ node });
  }, []);
  const goTo = useCallback((nodeId: string) => reveal({ nodeId }), [reveal]);
  const lookFor = useCallback(
    (text: string) => {
      setSearch(text);
      if (text !== '') {
        setPart('tree');
      }
    },
    [setSearch, setPart]
  );
  const isKept = kept !== null && kept.mission === mission && tree?.node(kept.node) !== undefined;
  const selected = picked ? picked.node : isKept ? kept.node : null;
  useEffect(() => {
    if (picked) {
      memory.write('selected', picked.node === null ? null : { mission, node: picked.node });
    }
  }, [memory, picked, mission]);

  const projectName = follow?.info?.title ?? stored?.title ?? null;
  const projectTitle = projectName === null ? null : seenLine(projectName);
  // So that a host can tell what somebody points at.
  const place = { 'data-project-id': projectId ?? undefined, 'data-mission-id': mission ?? undefined };
  const isThere = tree !== null && (chosen === ALL_RUNS || (mission !== null && tree.node(mission)));
  if (!tree || !isThere) {
    return (
      <div className={`tt-view tt-view-${layout}`} data-connection={shownAs} {...place}>
        <StorageNotices notices={[badge ? hub?.storage : null, follow?.info?.storage]} />
        <Empty
          state={state}
          projectTitle={projectTitle}
          missionGone={tree !== null && mission !== null}
          onRetry={retry}
          badge={badge}
        />
      </div>
    );
  }
  const root = mission ? tree.node(mission) : undefined;
  const seen = { tree, roots: shownRoots, follow, hub };
  const parts = PARTS.filter(each => each.isThere(seen)).map(each => ({
    part: each,
    count: each.count?.(seen) ?? null
  }));
  const shown = parts.find(each => each.part.id === part)?.part ?? treePart;
  const title = root?.title !== undefined ? titleOf(root) : (projectTitle ?? words.__('Tasks'));
  const given: PartProps = {
    projectId,
    tree,
    version: `${version}.${tree.version}`,
    roots: shownRoots,
    withOmittedRoots: mission === null,
    title,
    now,
    today: clock,
    ticks,
    selected,
    query,
    onSearch: lookFor,
    onSelect: select,
    onReveal: goTo,
    layout,
    reveal: wish,
    tools: partTools,
    follow,
    hub
  };
  return (
    <StalenessContext.Provider value={staleness}>
      <SeriesContext.Provider value={follow}>
        {/* Keys of the view as a whole; what has the focus inside takes its own first. */}
        {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
        <div
          className={`tt-view tt-view-${layout}`}
          data-connection={shownAs}
          {...place}
          onKeyDown={onViewKey}
        >
          <Header
            tree={tree}
            mission={mission}
            missions={runs ? missions : []}
            projectTitle={projectTitle ?? words.__('All runs')}
            onMission={choose}
            now={now}
            today={clock}
            ticks={ticks}
            state={badge ? state : null}
            storedAt={picture?.live ? null : tree.at}
            onRetry={retry}
            attention={
              props.attention === false ? null : (
                <Attention
                  tree={tree}
                  version={version}
                  roots={shownRoots}
                  isLive={isLive}
                  stale={silent}
                  onReveal={goTo}
                />
              )
            }
            search={<Search text={search} onSearch={setSearch} />}
            parts={<PartSwitch parts={parts} shown={shown.id} bodyId={bodyId} onChoose={setPart} />}
            partTools={<span ref={setPartTools} className="tt-part-tools" />}
            tools={props.tools}
          />
          <StorageNotices notices={[badge ? hub?.storage : null, follow?.info?.storage]} />
          <Losses tree={tree} />
          <StatusGrid {...given} />
          <div ref={body} className={`tt-body${selected === null ? '' : ' tt-with-details'}`}>
            <div
              id={bodyId}
              className="tt-part"
              role={parts.length > 1 ? 'tabpanel' : undefined}
              aria-label={parts.length > 1 ? shown.label(words) : undefined}
            >
              <shown.Body {...given} />
            </div>
            {selected === null ? null : (
              <Details
                projectId={projectId}
                follow={follow}
                hub={hub}
                tree={tree}
                id={selected}
                now={now}
                today={clock}
                ticks={ticks}
                onSelect={select}
                actions={props.actions}
                alike={
                  tree.node(selected)?.status === 'failed' ? (
                    <AlikeFailures
                      tree={tree}
                      version={version}
                      roots={shownRoots}
                      id={selected}
                      onShow={() => setPart('failures')}
                    />
                  ) : null
                }
              />
            )}
          </div>
        </div>
      </SeriesContext.Provider>
    </StalenessContext.Provider>
  );
}

function textOf(kept: unknown): string {
  return typeof kept === 'string' ? kept : '';
}

interface Selection {
  mission: string | null;
  node: string;
}

function selectionOf(kept: unknown): Selection | null {
  const { mission, node } = (kept ?? {}) as Record<string, unknown>;
  return typeof node === 'string' && (typeof mission === 'string' || mission === null)
    ? { mission, node }
    : null;
}

/** Running tasks are timed to now only while that is true; else to when it last was. Microseconds since 1970. */
function timedTo(
  tree: TreeReader | null,
  fromServer: boolean,
  isLive: boolean,
  clock: number,
  heardAt: number | null
): number | null {
  if (isLive) {
    return clock * 1000;
  }
  if (fromServer && heardAt !== null) {
    return heardAt * 1000;
  }
  return tree && tree.at > 0 ? tree.at : null;
}
