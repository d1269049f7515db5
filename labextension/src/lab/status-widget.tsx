import { Signal, type ISignal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { Hub, ProjectList } from '../core/follow.js';
import { Mount } from './mount.js';
import { stateOfList, StatusItem } from './status-item.js';
import { Counter, NOTHING, type Tally } from './tally.js';
import type { Words } from './words.js';

/** Watches the list of projects, and no tree, for as long as it is there. */
export class StatusWidget extends Widget {
  private readonly mount: Mount;
  private readonly list: ProjectList;
  private readonly stopListening: (() => void)[];
  private readonly whenChanged = new Signal<this, void>(this);
  private readonly counter = new Counter();
  private tally: Tally = NOTHING;
  private said = false;

  constructor(
    private readonly hub: Hub,
    open: () => void,
    trans: Words
  ) {
    super();
    this.addClass('jp-TaskTreeStatus-place');
    this.list = hub.watchProjects();
    this.mount = new Mount(this.node, trans);
    this.mount.draw(<StatusItem hub={hub} list={this.list} tally={() => this.tally} open={open} />);
    const look = () => this.look();
    this.stopListening = [this.list.subscribe(look), hub.subscribe(look)];
    this.look();
  }

  /** Nothing has happened on this server, or nothing is known yet: nobody needs another icon for that. */
  get hasSomethingToSay(): boolean {
    if (this.list.projects.length > 0) {
      return true;
    }
    const { kind } = stateOfList({ hub: this.hub, list: this.list });
    return kind !== 'live' && kind !== 'connecting' && kind !== 'catching-up';
  }

  get changed(): ISignal<this, void> {
    return this.whenChanged;
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.stopListening.forEach(stop => stop());
    this.list.close();
    this.mount.dispose();
    super.dispose();
  }

  private look(): void {
    if (this.list.status === 'live') {
      this.tally = this.counter.count(this.list.projects);
    }
    if (this.hasSomethingToSay !== this.said) {
      this.said = !this.said;
      this.whenChanged.emit();
    }
  }
}
