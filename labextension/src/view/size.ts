/** How much room there is, and how fine the screen is. */
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';

export interface Size {
  width: number;
  /** Of the whole view, which the element is in. */
  viewHeight: number;
}

/** Zero until it is known; a change of a few pixels in the height of the view is none. */
export function useSize(element: HTMLElement | null): Size {
  const [size, setSize] = useState<Size>({ width: 0, viewHeight: 0 });
  useEffect(() => {
    if (!element) {
      return undefined;
    }
    const view = element.closest<HTMLElement>('.tt-view');
    const measure = () => {
      const width = element.clientWidth;
      const viewHeight = Math.floor((view?.clientHeight ?? 0) / 16) * 16;
      // Out of sight it has none: what was drawn is still right when it comes back.
      if (width > 0) {
        setSize(before =>
          before.width === width && before.viewHeight === viewHeight ? before : { width, viewHeight }
        );
      }
    };
    measure();
    if (typeof ResizeObserver === 'undefined') {
      return undefined;
    }
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    if (view) {
      observer.observe(view);
    }
    return () => observer.disconnect();
  }, [element]);
  return size;
}

/** Pixels of the screen to one of CSS; it changes with the zoom, and where a window goes to another screen. */
export function usePixelRatio(): number {
  const subscribe = useCallback((listener: () => void) => {
    window.addEventListener('resize', listener);
    return () => window.removeEventListener('resize', listener);
  }, []);
  return useSyncExternalStore(subscribe, () => window.devicePixelRatio || 1);
}
