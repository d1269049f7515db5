/** A page to show a view in, as far as jsdom has one. */
import { render, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { TreeView, type TreeViewProps } from '../../src/view/index.js';
import { FakeFollow, FakeHub, type Story } from './story.js';

let projects = 0;

export function show(story: Story | null, props: Partial<TreeViewProps> = {}) {
  const follow = new FakeFollow();
  const hub = new FakeHub();
  if (story) {
    follow.set({ tree: story.tree, status: 'live', heardAt: Date.now() });
  }
  projects += 1;
  const view = (
    <TreeView
      projectId={`project-${projects}`}
      follow={follow}
      hub={hub}
      missionId={null}
      layout="inline"
      {...props}
    />
  );
  const page = render(view);
  const user = userEvent.setup();
  return {
    ...page,
    follow,
    hub,
    user,
    /** Tabs past what stands before the tree, into it. */
    toTree: async () => {
      const grid = page.getByRole('treegrid');
      for (let stop = 0; stop < 10 && !grid.contains(document.activeElement); stop += 1) {
        await user.tab();
      }
    },
    /** What the hub tells is drawn at most ten times a second, and less often on a slow machine. */
    until: (assertion: () => void) => waitFor(assertion, { timeout: 5000 }),
    rows: () => [...page.container.querySelectorAll<HTMLElement>('.tt-row')].sort(byPlace),
    titles: () => [...page.container.querySelectorAll<HTMLElement>('.tt-row')].sort(byPlace).map(titleOf),
    row(title: string): HTMLElement {
      const found = this.rows().find(row => titleOf(row) === title);
      if (!found) {
        throw new Error(`no row "${title}" among ${this.titles().join(', ')}`);
      }
      return found;
    },
    focused: () => (document.activeElement ? titleOf(document.activeElement) : null)
  };
}

function titleOf(row: Element): string {
  return row.querySelector('.tt-title')?.textContent ?? '';
}

function byPlace(a: HTMLElement, b: HTMLElement): number {
  return Number(a.dataset.index) - Number(b.dataset.index);
}
