import { MainAreaWidget } from '@jupyterlab/apputils';
import type { ITranslator } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { TreeView, useListenable, type NodeActions } from '../view/index.js';
import { tabIconOf } from './icon.js';
import { Mount } from './mount.js';
import type { TabModel } from './tab-model.js';
import type { Words } from './words.js';

/** A tab of the main area with the tree of a project's newest run, or of one of its runs. */
export class TreeTab extends MainAreaWidget<TreeTabContent> {
  constructor(model: TabModel, actions: NodeActions, trans: Words, translator?: ITranslator) {
    super({ content: new TreeTabContent(model, actions, trans), translator });
    this.addClass('jp-TaskTreeTab');
    this.toolbar.hide();
    this.title.closable = true;
    this.content.name(this);
  }
}

export class TreeTabContent extends Widget {
  private readonly mount: Mount;
  private readonly stopListening: () => void;
  private tab: Widget | null = null;

  constructor(
    readonly model: TabModel,
    private readonly actions: NodeActions,
    trans: Words
  ) {
    super();
    this.addClass('jp-TaskTreeTab-content');
    this.node.tabIndex = -1;
    this.mount = new Mount(this.node, trans);
    this.stopListening = model.subscribe(() => this.rename());
  }

  /** From now on that tab is named by what is shown in it. */
  name(tab: Widget): void {
    this.tab = tab;
    this.rename();
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.stopListening();
    this.model.dispose();
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
    (this.node.querySelector<HTMLElement>('[role="treegrid"] [tabindex="0"]') ?? this.node).focus();
  }

  private wake(): void {
    this.model.wake();
    this.mount.draw(<Tab model={this.model} actions={this.actions} />);
  }

  private sleep(): void {
    this.mount.clear();
    this.model.sleep();
  }

  private rename(): void {
    const { label, caption, status } = this.model.title;
    if (this.tab) {
      const { title } = this.tab;
      title.label = label;
      title.caption = caption;
      title.icon = tabIconOf(status);
    }
  }
}

function Tab({ model, actions }: { model: TabModel; actions: NodeActions }) {
  useListenable(model);
  return (
    <TreeView
      projectId={model.projectId}
      follow={model.follow}
      hub={model.hub}
      missionId={model.missionId}
      followNewest
      layout="fill"
      onMission={id => model.show(id)}
      reveal={model.reveal}
      actions={actions}
    />
  );
}
