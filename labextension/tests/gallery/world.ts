/** The hub and the follow of the gallery: what tests of views use, with a list of projects besides. */
import type { Connection, FollowStatus, ProjectInfo, ProjectList } from '../../src/core/follow.js';
import type { TreeReader } from '../../src/core/reader.js';
import { TaskTree } from '../../src/core/tree.js';
import { FakeFollow, FakeHub } from '../view/story.js';
import { NOW } from './clock.js';
import { historyOf } from './history.js';

export class GalleryHub extends FakeHub {
  readonly all: ProjectInfo[] = [];

  constructor(readonly shown: FakeFollow) {
    super();
  }

  override follow(): FakeFollow {
    return this.shown;
  }

  override watchProjects(): never {
    const list: ProjectList = {
      projects: this.all,
      status: this.connection.kind === 'open' ? 'live' : 'offline',
      error: null,
      subscribe: this.subscribe,
      getVersion: this.getVersion,
      close: () => undefined
    };
    return list as never;
  }
}

export interface World {
  follow: FakeFollow;
  hub: GalleryHub;
}

export function worldOf(
  tree: TreeReader | null,
  status: FollowStatus = 'live',
  connection: Connection = { kind: 'open' }
): World {
  const follow = new FakeFollow();
  follow.set({ tree, status, heardAt: NOW - 300 });
  const hub = new GalleryHub(follow);
  if (connection.kind === 'open') {
    hub.history = historyOf(() => (follow.tree instanceof TaskTree ? follow.tree : null));
  }
  hub.set(connection);
  return { follow, hub };
}

/** What the list of projects says of a tree. */
export function infoOf(id: string, title: string, tree: TreeReader | null, ago: number): ProjectInfo {
  const missions = [...(tree?.roots ?? [])].reverse().flatMap(root => {
    const node = tree?.node(root);
    return node && tree
      ? [{ mission_id: root, title: node.title, status: node.status, rollup: tree.rollup(root) }]
      : [];
  });
  return {
    project_id: id,
    title,
    kind: 'named',
    created_at: (NOW - 86_400_000) * 1000,
    epoch: 'e1',
    offset: tree?.offset ?? 0,
    at: (NOW - ago * 1000) * 1000,
    missions,
    missions_total: missions.length
  };
}
