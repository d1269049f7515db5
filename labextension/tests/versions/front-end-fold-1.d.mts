/** As much of it as the tests use; what it takes and gives is of the same form as today. */
import type { Bundle } from '../../src/core/bundle.js';
import type { Environment } from '../../src/core/environment.js';
import type { Hub, Follow } from '../../src/core/follow.js';
import type { TreeReader } from '../../src/core/reader.js';
import type { TreeViewProps } from '../../src/view/index.js';

export const FOLD_VERSION: number;
export function parseBundle(value: unknown): Bundle | null;
export const StaticTree: new (bundle: Bundle) => TreeReader;
export const TabHub: new (
  url: string,
  options: { environment: Environment }
) => Hub & { follow(id: string): Follow };
export function TreeView(props: TreeViewProps): React.JSX.Element;
