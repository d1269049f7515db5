/** Fits React's `useSyncExternalStore(follow.subscribe, follow.getVersion)`; both may be passed without their object. */
export interface Listenable {
  /** The listener is called at most once an animation frame; returns how to stop. */
  subscribe(listener: () => void): () => void;
  /** Goes up before listeners are called. */
  getVersion(): number;
}
