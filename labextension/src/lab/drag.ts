/** Dragging a project or a run out of the panel: where it is dropped in the main area, a tab of it opens. */
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';
import type { Widget } from '@lumino/widgets';

/** What JupyterLab's main area makes a tab of. */
const FACTORY_MIME = 'application/vnd.lumino.widget-factory';
/** A pointer that moved less, in pixels, is a click. */
const THRESHOLD = 5;

/** Call it when the mouse button goes down on `element`. `make` is called if it is dropped where a tab can be. */
export function dragWhenMoved(
  event: React.MouseEvent,
  element: HTMLElement,
  make: () => Widget | null
): void {
  if (event.button !== 0) {
    return;
  }
  const { clientX, clientY } = event;
  const stop = () => {
    document.removeEventListener('mousemove', move, true);
    document.removeEventListener('mouseup', stop, true);
  };
  const move = (moved: MouseEvent) => {
    if (Math.hypot(moved.clientX - clientX, moved.clientY - clientY) < THRESHOLD) {
      return;
    }
    stop();
    moved.preventDefault();
    moved.stopPropagation();
    const mimeData = new MimeData();
    mimeData.setData(FACTORY_MIME, make);
    const drag = new Drag({
      mimeData,
      dragImage: imageOf(element),
      proposedAction: 'move',
      supportedActions: 'move',
      source: element
    });
    void drag.start(moved.clientX, moved.clientY).then(() => drag.dispose());
  };
  document.addEventListener('mousemove', move, true);
  document.addEventListener('mouseup', stop, true);
}

function imageOf(element: HTMLElement): HTMLElement {
  const image = document.createElement('div');
  image.className = 'tt-view tt-drag-image';
  image.append(...[...element.childNodes].map(child => child.cloneNode(true)));
  return image;
}
