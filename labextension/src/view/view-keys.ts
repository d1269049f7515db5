/** Keys that count wherever in a view the keyboard is: `/` leads to the search, `n` and `N` from failure to failure. */
const TYPED_INTO: ReadonlySet<string> = new Set(['INPUT', 'SELECT', 'TEXTAREA']);
const TREE = '.tt-tree [role="treegrid"]';
const FRAMES = 60;

/** For what stands around a tree, a view or a panel: call it with what was pressed there and nobody inside took for himself. */
export function onViewKey(event: React.KeyboardEvent<HTMLElement>): void {
  const { target, key } = event;
  const isOurs = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isOurs || !(target instanceof Element) || TYPED_INTO.has(target.tagName)) {
    return;
  }
  const isDone =
    key === '/'
      ? goToSearch(event.currentTarget)
      : (key === 'n' || key === 'N') && goToFailure(event.currentTarget, target, key);
  if (isDone) {
    event.preventDefault();
    event.stopPropagation();
  }
}

function goToSearch(view: HTMLElement): boolean {
  const input = view.querySelector<HTMLInputElement>('.tt-search-input');
  input?.focus();
  input?.select();
  return input !== null;
}

/** The tree knows the way: where the keyboard is elsewhere, it is brought there, and where another part is shown, the tree is. */
function goToFailure(view: HTMLElement, from: Element, key: string): boolean {
  if (from.closest(TREE)) {
    return false;
  }
  // Where nothing failed it leads nowhere.
  if (view.querySelector('[role="tab"][data-part="failures"][data-count="0"]')) {
    return false;
  }
  const tab = view.querySelector<HTMLElement>('[role="tab"][data-part="tree"]:not([aria-selected="true"])');
  tab?.click();
  return pressInTree(view, key) || (tab !== null && soon(() => pressInTree(view, key)));
}

function pressInTree(view: HTMLElement, key: string): boolean {
  const row = view.querySelector<HTMLElement>(`${TREE} [role="row"][tabindex="0"]`);
  row?.focus();
  row?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  return row !== null;
}

/** Tries at each frame until it is done: what was asked for has yet to be drawn. */
function soon(attempt: () => boolean, frames = FRAMES): true {
  requestAnimationFrame(() => {
    if (!attempt() && frames > 1) {
      soon(attempt, frames - 1);
    }
  });
  return true;
}
