/** Keys that count wherever in a view the keyboard is: `/` leads to the search, `n` and `N` from failure to failure. */
const TYPED_INTO: ReadonlySet<string> = new Set(['INPUT', 'SELECT', 'TEXTAREA']);

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

/** The tree knows the way: where the keyboard is elsewhere, it is brought there. */
function goToFailure(view: HTMLElement, from: Element, key: string): boolean {
  const row = view.querySelector<HTMLElement>('[role="treegrid"] [role="row"][tabindex="0"]');
  if (!row || from.closest('[role="treegrid"]')) {
    return false;
  }
  row.focus();
  row.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  return true;
}
