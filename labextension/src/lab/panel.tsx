import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { useMemo } from 'react';
import type { Follow, ProjectInfo } from '../core/follow.js';
import { seenLine } from '../core/seen.js';
import { isEnded } from '../core/status.js';
import {
  AttentionSection,
  Badge,
  ConnectionBadge,
  Empty,
  formatAgo,
  formatClock,
  formatCount,
  onViewKey,
  StaleBadge,
  StaleIcon,
  stateOf,
  StatusIcon,
  StorageNotices,
  TreeView,
  useAtOnce,
  useListenable,
  useNow,
  useWords,
  type NodeActions,
  type ViewState
} from '../view/index.js';
import { Listbox } from './listbox.js';
import { Mount } from './mount.js';
import { projectTitle, type PanelModel } from './panel-model.js';
import { runState } from './run-state.js';
import { RunSummary } from './run-summary.js';
import { LISTED, runsOf, staleCounts, type Run } from './runs.js';
import type { Words } from './words.js';

/** What the application around the panel can do with what is in it. */
export interface PanelHost {
  actionsOf(projectId: string): NodeActions;
  /** Where there is room for tabs. `missionId` null: the newest run. */
  tabs: {
    open(projectId: string, missionId: string | null): void;
    /** A mouse button went down on the line of a project or a run. */
    drag(projectId: string, missionId: string | null, event: React.MouseEvent<HTMLElement>): void;
  } | null;
  isMuted(projectId: string): boolean;
}

/** The side panel's widget. It follows projects only while it is shown. */
export class TreePanel extends Widget {
  private readonly mount: Mount;
  private drawn: MutationObserver | null = null;

  constructor(
    private readonly model: PanelModel,
    private readonly host: PanelHost,
    trans: Words
  ) {
    super();
    this.addClass('jp-TaskTreePanel');
    this.mount = new Mount(this.node, trans);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.model.sleep();
    this.mount.dispose();
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.wake();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this.wake();
    }
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.sleep();
  }

  protected override onBeforeDetach(msg: Message): void {
    this.sleep();
    super.onBeforeDetach(msg);
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this.drawn?.disconnect();
    const before = document.activeElement;
    if (!this.takeKeyboard()) {
      // It was closed until now: there is something to come to once the projects are known.
      this.drawn = new MutationObserver((_, drawn) => {
        const isElsewhere = document.activeElement !== before && document.activeElement !== document.body;
        if (isElsewhere || this.takeKeyboard()) {
          drawn.disconnect();
        }
      });
      this.drawn.observe(this.node, { childList: true, subtree: true });
    }
  }

  /** False where there is nothing yet that the keyboard could be at. */
  private takeKeyboard(): boolean {
    // Where a task is to be shown, the tree; else the list, from which everything is chosen.
    const first = this.model.reveal ? '[role="treegrid"] [tabindex="0"]' : '[role="listbox"], button';
    const element = this.node.querySelector<HTMLElement>(first);
    element?.focus();
    return element !== null;
  }

  private wake(): void {
    this.model.wake();
    this.mount.draw(<Panel model={this.model} host={this.host} />);
  }

  // Nobody looks: nothing is drawn, and nothing asked of the server.
  private sleep(): void {
    this.drawn?.disconnect();
    this.mount.clear();
    this.model.sleep();
  }
}

export function Panel({ model, host }: { model: PanelModel; host: PanelHost }) {
  const words = useWords();
  useListenable(model);
  useAtOnce(model.hub, each => each.getVersion());
  const { hub, follow, projects, project, list } = model;
  const followed = useListenable(follow);
  const now = useNow(false) * 1000;
  const state = stateOf(list?.status ?? 'connecting', list?.error ?? null, hub.connection);
  const runs = runsOf(project, follow);
  const { tabs } = host;
  const shownProject = follow?.projectId ?? null;
  const actions = useMemo(
    () => (shownProject === null ? undefined : host.actionsOf(shownProject)),
    [host, shownProject]
  );
  const shown = model.missionId ?? runs[0]?.id ?? null;
  const shownRoots = useMemo(() => (shown === null ? [] : [shown]), [shown]);

  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="tt-view tt-view-fill tt-panel" data-version={followed} onKeyDown={onViewKey}>
      <StorageNotices notices={[hub.storage]} />
      <Section title={words.__('Projects')} count={projects.length}>
        {model.isChosen && model.notebookPath !== null ? (
          <button type="button" className="tt-link" onClick={() => model.followNotebook()}>
            {words.__('follow the notebook')}
          </button>
        ) : null}
      </Section>
      {projects.length > 0 ? (
        <Listbox
          label={words.__('Projects')}
          items={projects}
          keyOf={each => each.project_id}
          selected={follow?.projectId ?? null}
          onSelect={id => model.chooseProject(id)}
          onOpen={tabs ? each => tabs.open(each.project_id, null) : undefined}
          onMouseDown={tabs ? (each, event) => tabs.drag(each.project_id, null, event) : undefined}
          dataOf={each => ({ 'data-project-id': each.project_id })}
        >
          {each => (
            <ProjectLine
              info={each}
              now={now}
              isMuted={host.isMuted(each.project_id)}
              stale={staleInNewest(each, each.project_id === shownProject ? follow : null)}
            />
          )}
        </Listbox>
      ) : null}
      {follow && runs.length > 1 ? (
        <>
          <Section title={words.__('Runs')} count={project?.missions_total ?? runs.length} />
          {follow.tree ? (
            <RunSummary
              tree={follow.tree}
              runs={runs}
              total={project?.missions_total ?? runs.length}
              stale={follow.stale}
              now={now}
            />
          ) : null}
          <Listbox
            label={words.__('Runs')}
            items={runs}
            keyOf={run => run.id}
            selected={shown}
            onSelect={id => model.chooseMission(id === runs[0]?.id ? null : id)}
            onOpen={tabs ? run => tabs.open(follow.projectId, run.id) : undefined}
            onMouseDown={tabs ? (run, event) => tabs.drag(follow.projectId, run.id, event) : undefined}
            dataOf={run => ({ 'data-project-id': follow.projectId, 'data-mission-id': run.id })}
          >
            {run => <RunLine run={run} now={now} />}
          </Listbox>
        </>
      ) : null}
      {follow?.tree && shown !== null ? (
        <div className="tt-panel-attention" data-project-id={follow.projectId} data-mission-id={shown}>
          <AttentionSection
            key={`${follow.projectId} ${shown}`}
            tree={follow.tree}
            version={`${followed}.${follow.tree.version}`}
            roots={shownRoots}
            isLive={follow.status === 'live'}
            stale={follow.stale}
            onReveal={id => model.goTo(id)}
          />
        </div>
      ) : null}
      {follow ? (
        <div className="tt-panel-tree">
          <TreeView
            key={follow.projectId}
            projectId={follow.projectId}
            follow={follow}
            hub={hub}
            missionId={model.missionId}
            followNewest
            layout="fill"
            badge={false}
            attention={false}
            runs={runs.length > LISTED}
            reveal={model.reveal}
            actions={actions}
            tools={
              tabs ? (
                <IconButton
                  label={words.__('Open in a tab')}
                  onClick={() => tabs.open(follow.projectId, model.missionId)}
                >
                  <path d="M8.5 2.5h3v3M11.5 2.5 8 6M5.5 11.5h-3v-3M2.5 11.5 6 8" className="tt-stroke" />
                </IconButton>
              ) : null
            }
          />
        </div>
      ) : (
        <Nothing model={model} state={state} />
      )}
      <div className="tt-foot">
        <ConnectionBadge state={state} onRetry={() => hub.retryNow()} />
      </div>
    </div>
  );
}

function Section({ title, count, children }: { title: string; count: number; children?: React.ReactNode }) {
  return (
    <div className="tt-section">
      <h3 className="tt-section-title">{title}</h3>
      {children}
      <span className="tt-section-count">{formatCount(count)}</span>
    </div>
  );
}

function IconButton(props: { label: string; onClick: () => void; children: React.ReactNode }) {
  return (
    <button
      type="button"
      className="tt-icon-button"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
        {props.children}
      </svg>
    </button>
  );
}

interface ProjectLineProps {
  info: ProjectInfo;
  now: number;
  isMuted: boolean;
  /** How many tasks of the newest run are said to run, but not heard. */
  stale: number;
}

function staleInNewest(info: ProjectInfo, follow: Follow | null): number {
  const [newest] = info.missions;
  return newest === undefined ? 0 : staleCounts(info, follow)(newest.mission_id);
}

function RunIcon({ status, rollup, stale }: Pick<Run, 'status' | 'rollup' | 'stale'>) {
  const words = useWords();
  const state = runState(status, rollup, stale);
  return state === 'stale' ? <StaleIcon label={words.__('stale')} /> : <StatusIcon status={state} />;
}

function ProjectLine({ info, now, isMuted, stale }: ProjectLineProps) {
  const words = useWords();
  const newest = info.missions[0];
  const running = Math.max(0, (newest?.rollup.counts.running ?? 0) - stale);
  const failed = newest?.rollup.failures ?? 0;
  const title = projectTitle(info);
  return (
    <>
      {newest ? <RunIcon {...newest} stale={stale} /> : <StatusIcon status="draft" />}
      <span className="tt-item-title" title={seenLine(info.path ?? title)}>
        {title}
      </span>
      {isMuted ? <MutedIcon label={words.__('muted')} /> : null}
      <Badge status="running" count={running} />
      <StaleBadge count={stale} />
      <Badge status="failed" count={failed} />
      {running + stale + failed === 0 ? (
        <span className="tt-item-note">{formatAgo(words, info.at, now)}</span>
      ) : null}
    </>
  );
}

function MutedIcon({ label }: { label: string }) {
  return (
    <svg className="tt-icon" viewBox="0 0 14 14" width="14" height="14" role="img" aria-label={label}>
      <title>{label}</title>
      <path
        d="M3 10.5h8c-1-1-1-2-1-4a3 3 0 0 0-6 0c0 2 0 3-1 4zM6 12.4h2M2.5 2.5l9 9"
        className="tt-stroke"
      />
    </svg>
  );
}

function RunLine({ run, now }: { run: Run; now: number }) {
  const words = useWords();
  return (
    <>
      <RunIcon {...run} />
      <span className="tt-item-title" title={run.title}>
        {words.__('run %1', formatCount(run.run))} <span className="tt-faint">{run.title}</span>
      </span>
      <Badge status="failed" count={isEnded(run.status) ? run.rollup.failures : 0} />
      {run.createdAt === null ? null : (
        <span className="tt-item-note">{formatClock(run.createdAt, now)}</span>
      )}
    </>
  );
}

/** No project is shown: say why, and how to get one. */
function Nothing({ model, state }: { model: PanelModel; state: ViewState }) {
  const name = model.notebookPath?.split('/').pop() ?? null;
  return (
    <div className="tt-panel-rest">
      <Empty state={state} projectTitle={name} missionGone={false} badge={false} />
    </div>
  );
}
