/** A notebook as far as an output needs one: the document above it, the data below it. */
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';
import { BUNDLE_MIME_TYPE, type Bundle } from '../../src/core/bundle.js';
import { bundleOf } from '../../src/core/compact.js';
import { TreeRenderer } from '../../src/lab/renderer.js';
import type { FakeHub, Story } from '../view/story.js';

/** Data of one output. Setting it renders it again, as JupyterLab does. */
export class Output implements IRenderMime.IMimeModel {
  readonly trusted = false;
  readonly metadata = {};
  readonly renderers: TreeRenderer[] = [];
  written = 0;
  data: IRenderMime.IMimeModel['data'];

  constructor(bundle: unknown) {
    this.data = { [BUNDLE_MIME_TYPE]: bundle as never, 'text/html': '<b>old</b>', 'text/plain': 'old' };
  }

  get bundle(): Bundle {
    return this.data[BUNDLE_MIME_TYPE] as unknown as Bundle;
  }

  setData({ data }: IRenderMime.IMimeModel.ISetDataOptions): void {
    this.written += 1;
    this.data = JSON.parse(JSON.stringify(data)) as typeof this.data;
    this.renderers.forEach(renderer => void renderer.renderModel(this));
  }
}

export class Notebook extends Panel {
  readonly context;
  readonly clients = new Map<number, unknown>([[5, {}]]);

  constructor() {
    super();
    this.context = {
      isDisposed: false,
      isReady: true,
      contentsModel: { writable: true },
      model: {
        readOnly: false,
        sharedModel: { awareness: { clientID: 5, getStates: () => this.clients } }
      },
      saveState: new Signal<Notebook, DocumentRegistry.SaveState>(this)
    };
    Widget.attach(this, document.body);
  }

  showOutput(output: Output, hub: FakeHub | null): TreeRenderer {
    const renderer = new TreeRenderer(hub);
    output.renderers.push(renderer);
    this.addWidget(renderer);
    void renderer.renderModel(output);
    return renderer;
  }

  save(): void {
    this.context.saveState.emit('started');
    this.context.saveState.emit('completed');
  }
}

/** The bundle that a kernel stored early in a story. */
export function storedEarly(story: Story, fields: Partial<Bundle> = {}): Bundle {
  const origin = { projectId: 'p', missionId: 'run', title: 'x', epoch: 'e1', follow: false };
  return JSON.parse(JSON.stringify({ ...bundleOf(story.tree, origin), ...fields })) as Bundle;
}
