/** The parts of a view: each shows the same run in another way. */
import type { ComponentType } from 'react';
import type { Follow, Hub } from '../core/follow.js';
import type { Query } from '../core/query.js';
import type { TreeReader } from '../core/reader.js';
import type { Words } from './words.js';

export type PartId = 'tree' | 'table' | 'failures' | 'agents' | 'events';

export interface PartProps {
  projectId: string | null;
  tree: TreeReader;
  /** Another one after every change of `tree`, which is one object that grows. */
  version: string;
  /** The runs that are shown: one, or all of the project. */
  roots: readonly string[];
  /** All of them, those that a stored tree left out too. */
  withOmittedRoots: boolean;
  /** What the run, or the project, is called. */
  title: string;
  /** Microseconds since 1970 up to which running tasks are timed; null: unknown. */
  now: number | null;
  /** Milliseconds since 1970, to tell today's times from others. */
  today: number;
  /** Whether `now` moves. */
  ticks: boolean;
  /** The task whose details are open. */
  selected: string | null;
  /** What somebody looks for; null: nothing in particular. */
  query: Query | null;
  /** Look for something, in the tree; an empty text for nothing any more, wherever one is. */
  onSearch: (text: string) => void;
  onSelect: (id: string | null) => void;
  /** Go to a task in the tree: select it, open what it is in, scroll to it. */
  onReveal: (id: string) => void;
  /** `inline` grows with its content up to a bound; `fill` takes the height there is. */
  layout: 'inline' | 'fill';
  reveal: Reveal | null;
  /** Where in the header a part's own buttons go. */
  tools?: HTMLElement | null;
  /** Null for a tree that was stored with a notebook and has no server. */
  follow: Follow | null;
  hub: Hub | null;
}

/** A task to go to. Another object is another wish, also for the same task. */
export interface Reveal {
  nodeId: string;
}

export interface Part {
  id: PartId;
  label: (words: Words) => string;
  /** Whether there is anything to show; the tree always has. */
  isThere: (props: Pick<PartProps, 'tree' | 'roots' | 'follow' | 'hub'>) => boolean;
  /** How many things it holds, where that is worth knowing beforehand. */
  count?: (props: Pick<PartProps, 'tree' | 'roots'>) => number;
  Body: ComponentType<PartProps>;
}
