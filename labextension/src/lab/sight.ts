/** Where on the edges and inside of a view it is looked for: one of these spots seen is enough. */
const SPOTS = [
  [0.5, 0.1],
  [0.5, 0.5],
  [0.1, 0.9]
] as const;

/** Whether the user has a project's tree before the eyes: in an output, the panel or a tab, not scrolled away or covered. */
export function isInSight(projectId: string, page: Document = document): boolean {
  if (page.visibilityState !== 'visible') {
    return false;
  }
  const views = page.querySelectorAll<HTMLElement>('.tt-view[data-project-id]');
  return [...views].some(view => view.dataset.projectId === projectId && isSeen(view, page));
}

function isSeen(view: HTMLElement, page: Document): boolean {
  const { left, top, right, bottom } = view.getBoundingClientRect();
  const { clientWidth, clientHeight } = page.documentElement;
  const [x0, x1] = [Math.max(left, 0), Math.min(right, clientWidth)];
  const [y0, y1] = [Math.max(top, 0), Math.min(bottom, clientHeight)];
  return (
    x1 > x0 &&
    y1 > y0 &&
    SPOTS.some(([x, y]) => view.contains(page.elementFromPoint(x0 + (x1 - x0) * x, y0 + (y1 - y0) * y)))
  );
}
