/** `n` and `N` go from failure to failure. The tree knows the way; where the keyboard is elsewhere, it is brought there. */
const KEYS: ReadonlySet<string> = new Set(['n', 'N']);
/** What has letters for itself. */
const OTHERS = ['input', 'select', 'textarea', '[role="treegrid"]'];

/** For all that stands around a tree, a view's header or a panel's lists: call it with what was pressed there. */
export function goToFailure(event: React.KeyboardEvent<HTMLElement>): void {
  const target = event.target as HTMLElement;
  if (
    !KEYS.has(event.key) ||
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    OTHERS.some(other => target.closest(other) !== null)
  ) {
    return;
  }
  const row = event.currentTarget.querySelector<HTMLElement>('[role="treegrid"] [role="row"][tabindex="0"]');
  if (row) {
    event.preventDefault();
    event.stopPropagation();
    row.focus();
    row.dispatchEvent(new KeyboardEvent('keydown', { key: event.key, bubbles: true, cancelable: true }));
  }
}
