import type { ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { ErrorBoundary, WordsContext } from '../view/index.js';
import type { Words } from './words.js';

/** A place in the page where views are drawn, with all that they need of the application around them. */
export class Mount {
  private readonly root: Root;

  constructor(
    node: HTMLElement,
    private readonly trans: Words
  ) {
    this.root = createRoot(node);
  }

  /** After a failure the same is tried again only for another `attempt`. */
  draw(view: ReactNode, attempt?: unknown): void {
    this.root.render(
      <WordsContext.Provider value={this.trans}>
        <ErrorBoundary attempt={attempt}>{view}</ErrorBoundary>
      </WordsContext.Provider>
    );
  }

  clear(): void {
    this.root.render(null);
  }

  dispose(): void {
    // React may be in the midst of rendering what led to this.
    setTimeout(() => this.root.unmount());
  }
}
