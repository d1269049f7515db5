import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { PartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { BUNDLE_MIME_TYPE, parseBundle, type Bundle } from '../core/bundle.js';
import type { Follow, Hub } from '../core/follow.js';
import { StaticTree } from '../core/static-tree.js';
import { missionsOf, TreeView, type NodeActions, type Stored } from '../view/index.js';
import { documentOf, mayWrite } from './document.js';
import { Mount } from './mount.js';
import { wordsOf, type Words } from './words.js';
import { isNewer, newerBundle, type Occasion } from './write-back.js';

/** The kernel writes the end of a run too, and better, since it saw all of it: it gets this long to do so, in milliseconds. */
const KERNEL_FIRST = 2000;

/** What the application around an output can do with what is in it. */
export interface RendererHost {
  trans?: Words;
  actionsOf?: (projectId: string | null) => NodeActions;
}

/** An output that shows its stored tree at once, and then the live one as long as the server has it. */
export class TreeRenderer extends Widget implements IRenderMime.IRenderer {
  private readonly mount: Mount;
  private model: IRenderMime.IMimeModel | null = null;
  private bundle: Bundle | null = null;
  private stored: Stored | null = null;
  private follow: Follow | null = null;
  private stopListening: (() => void) | null = null;
  private pinned: string | null = null;
  private document: DocumentRegistry.IContext<DocumentRegistry.IModel> | null = null;
  private writeTimer: ReturnType<typeof setTimeout> | null = null;

  /** `hub` is null where there is no server to ask. */
  constructor(
    private readonly hub: Hub | null,
    private readonly host: RendererHost = {}
  ) {
    super();
    this.addClass('jp-TaskTreeOutput');
    this.mount = new Mount(this.node, host.trans ?? wordsOf(null));
  }

  // Called again each time the output's data changes, by this renderer's own writing too: so it writes nothing itself.
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    this.bundle = parseBundle(model.data[BUNDLE_MIME_TYPE]);
    this.stored = this.bundle && {
      tree: new StaticTree(this.bundle),
      title: this.bundle.title ?? null,
      epoch: this.bundle.epoch
    };
    this.followProject(this.bundle?.project_id ?? null);
    this.draw();
    return Promise.resolve();
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.forgetDocument();
    this.followProject(null);
    if (this.writeTimer !== null) {
      clearTimeout(this.writeTimer);
    }
    this.mount.dispose();
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.forgetDocument();
    this.document = documentOf(this);
    this.document?.saveState.connect(this.onSaveState);
    this.onChange();
  }

  protected override onBeforeDetach(msg: Message): void {
    this.forgetDocument();
    super.onBeforeDetach(msg);
  }

  private forgetDocument(): void {
    this.document?.saveState.disconnect(this.onSaveState);
    this.document = null;
  }

  private followProject(projectId: string | null): void {
    if (projectId === (this.follow?.projectId ?? null)) {
      return;
    }
    this.stopListening?.();
    this.follow?.close();
    this.pinned = null;
    this.follow = projectId === null || !this.hub ? null : this.hub.follow(projectId);
    this.stopListening = this.follow?.subscribe(() => this.onChange()) ?? null;
  }

  /** The run this output is about: the one it was made for, else the first one it sees. Null: the project, as it goes on. */
  private get missionId(): string | null {
    return this.bundle?.mission_id ?? this.pinned;
  }

  private onChange(): void {
    const tree = this.follow?.tree;
    if (tree && this.bundle && this.missionId === null && !this.bundle.follow) {
      this.pinned = missionsOf(tree)[0]?.id ?? null;
      if (this.pinned !== null) {
        this.draw();
      }
    }
    if (this.writeTimer === null && this.shouldWrite('ended')) {
      this.writeTimer = setTimeout(() => {
        this.writeTimer = null;
        this.write('ended');
      }, KERNEL_FIRST);
    }
  }

  private readonly onSaveState = (_: unknown, state: DocumentRegistry.SaveState): void => {
    if (state === 'started') {
      this.write('saving');
    }
  };

  private shouldWrite(occasion: Occasion): boolean {
    const { bundle, stored, document } = this;
    const waits = this.missionId === null && bundle?.follow === false;
    return (
      bundle !== null &&
      stored !== null &&
      document !== null &&
      !waits &&
      isNewer(bundle, stored.tree, this.follow, this.missionId, occasion) &&
      mayWrite(document)
    );
  }

  private write(occasion: Occasion): void {
    const { model, bundle, follow } = this;
    if (model && bundle && follow?.tree && this.shouldWrite(occasion)) {
      const { tree, status, epoch } = follow;
      const newer = newerBundle(bundle, { tree, status, epoch }, this.missionId);
      // The other types stay as they are: older, but they say so themselves.
      const data = { ...model.data, [BUNDLE_MIME_TYPE]: newer as unknown as PartialJSONObject };
      model.setData({ data, metadata: model.metadata });
    }
  }

  private draw(): void {
    const { bundle, follow, hub } = this;
    const projectId = bundle?.project_id ?? null;
    this.mount.draw(
      <TreeView
        projectId={projectId}
        stored={this.stored}
        follow={follow}
        hub={follow ? hub : null}
        missionId={this.missionId}
        followNewest={bundle?.follow ?? false}
        layout="inline"
        actions={this.host.actionsOf?.(projectId)}
      />,
      bundle
    );
  }
}

/** `safe`: the tree is drawn as text, so that it shows in notebooks nobody trusted yet. */
export function treeRendererFactory(hub: () => Hub | null, host: RendererHost): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: [BUNDLE_MIME_TYPE],
    // Before the widget manager's -10: this one is never blank.
    defaultRank: -20,
    createRenderer: () => new TreeRenderer(hub(), host)
  };
}
