import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { createRoot, type Root } from 'react-dom/client';
import type { MissionInfo, ProjectInfo } from '../core/follow.js';
import type { Rollup, TreeReader } from '../core/reader.js';
import { isEnded } from '../core/status.js';
import { parseTime } from '../core/times.js';
import {
  Badge,
  ConnectionBadge,
  Empty,
  ErrorBoundary,
  formatAgo,
  formatClock,
  formatCount,
  missionsOf,
  stateOf,
  StatusIcon,
  TreeView,
  useAtOnce,
  useListenable,
  useNow,
  useWords,
  WordsContext,
  type ViewState,
  type Words
} from '../view/index.js';
import { Listbox } from './listbox.js';
import { projectTitle, type PanelModel } from './panel-model.js';

/** The side panel's widget. It follows projects only while it is shown. */
export class TreePanel extends Widget {
  private readonly root: Root;

  constructor(
    private readonly model: PanelModel,
    private readonly words: Words
  ) {
    super();
    this.addClass('jp-TaskTreePanel');
    this.root = createRoot(this.node);
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.model.sleep();
    const { root } = this;
    setTimeout(() => root.unmount());
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
    this.node.querySelector<HTMLElement>('[role="listbox"], [role="treegrid"]')?.focus();
  }

  private wake(): void {
    this.model.wake();
    this.root.render(
      <WordsContext.Provider value={this.words}>
        <ErrorBoundary>
          <Panel model={this.model} />
        </ErrorBoundary>
      </WordsContext.Provider>
    );
  }

  // Nobody looks: nothing is drawn, and nothing asked of the server.
  private sleep(): void {
    this.root.render(null);
    this.model.sleep();
  }
}

export function Panel({ model }: { model: PanelModel }) {
  const words = useWords();
  useListenable(model);
  useAtOnce(model.hub, each => each.getVersion());
  const { hub, follow, projects, project, list } = model;
  const followed = useListenable(follow);
  const now = useNow(false) * 1000;
  const state = stateOf(list?.status ?? 'connecting', list?.error ?? null, hub.connection);
  const runs = runsOf(project, follow?.tree ?? null);
  const shown = model.missionId ?? runs[0]?.id ?? null;

  return (
    <div className="tt-view tt-view-fill tt-panel" data-version={followed}>
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
        >
          {each => <ProjectLine info={each} now={now} />}
        </Listbox>
      ) : null}
      {follow && runs.length > 1 ? (
        <>
          <Section title={words.__('Runs')} count={project?.missions_total ?? runs.length} />
          <Listbox
            label={words.__('Runs')}
            items={runs}
            keyOf={run => run.id}
            selected={shown}
            onSelect={id => model.chooseMission(id === runs[0]?.id ? null : id)}
          >
            {run => <RunLine run={run} now={now} />}
          </Listbox>
        </>
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
            runs={runs.length > LISTED}
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

function ProjectLine({ info, now }: { info: ProjectInfo; now: number }) {
  const words = useWords();
  const newest = info.missions[0];
  const { running = 0 } = newest?.rollup.counts ?? {};
  const failed = newest?.rollup.failures ?? 0;
  const title = projectTitle(info);
  return (
    <>
      <StatusIcon status={newest?.status ?? 'draft'} />
      <span className="tt-item-title" title={info.path ?? title}>
        {title}
      </span>
      <Badge status="running" count={running} />
      <Badge status="failed" count={failed} />
      {running + failed === 0 ? <span className="tt-item-note">{formatAgo(words, info.at, now)}</span> : null}
    </>
  );
}

interface Run {
  id: string;
  run: number;
  title: string;
  status: MissionInfo['status'];
  rollup: Rollup;
  /** Microseconds since 1970. */
  createdAt: number | null;
}

/** Runs beyond this stand in the menu of the tree's header. */
const LISTED = 100;

/** Newest first: from the tree once it is here, until then those that the list of projects names. */
function runsOf(project: ProjectInfo | null, tree: TreeReader | null): Run[] {
  if (tree) {
    return missionsOf(tree)
      .slice(0, LISTED + 1)
      .map(({ id, run, createdAt }) => {
        const node = tree.node(id);
        return {
          id,
          run,
          createdAt,
          title: node?.title ?? id,
          status: node?.status ?? 'draft',
          rollup: tree.rollup(id)
        };
      });
  }
  return (project?.missions ?? []).map((mission, index) => ({
    id: mission.mission_id,
    run: (project?.missions_total ?? 0) - index,
    createdAt: parseTime(mission.created_at),
    title: mission.title ?? mission.mission_id,
    status: mission.status,
    rollup: mission.rollup
  }));
}

function RunLine({ run, now }: { run: Run; now: number }) {
  const words = useWords();
  return (
    <>
      <StatusIcon status={run.status} />
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
