import { useEffect, useState, useSyncExternalStore } from 'react';
import type { TreeReader } from '../../core/reader.js';
import { formatCount } from '../format.js';
import { useRemembered } from '../memory.js';
import type { PartProps } from '../part.js';
import { useStaleness } from '../staleness.js';
import { useWords } from '../words.js';
import { CellPicture } from './cell-picture.js';
import { CellKeeper } from './keeper.js';

/**
 * With fewer tasks than this nothing is gained: up to here the rows of a tree, on two or three screens, say more. It is compared with what is expected
 * too, so that the grid is there from the beginning and nothing moves when it gets its hundredth task.
 */
const ENOUGH = 100;

type Props = Pick<
  PartProps,
  'tree' | 'version' | 'roots' | 'withOmittedRoots' | 'now' | 'ticks' | 'query' | 'onReveal' | 'layout'
>;

/** All tasks of a run as one picture, above whatever part of the view is shown. Nothing where there are few. */
export function StatusGrid(props: Props) {
  const words = useWords();
  const [isAway, setAway] = useRemembered('grid.away', kept => kept === true);
  const count = tasksOf(props.tree, props.roots);
  if (count < ENOUGH) {
    return null;
  }
  const label = isAway ? words.__('Show the status grid') : words.__('Hide the status grid');
  const toggle = (
    <button
      type="button"
      className="tt-icon-button tt-cells-toggle"
      aria-label={label}
      title={label}
      aria-expanded={!isAway}
      onClick={() => setAway(!isAway)}
    >
      {isAway ? (
        <span className="tt-cells-count" aria-hidden="true">
          {words._n('%2 task', '%2 tasks', count, formatCount(count))}
        </span>
      ) : null}
      <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
        <path d={isAway ? 'M3.5 5.5 7 9 10.5 5.5' : 'M3.5 8.5 7 5 10.5 8.5'} className="tt-stroke" />
      </svg>
    </button>
  );
  return (
    <div
      className="tt-cells"
      role="group"
      aria-label={words.__('Status grid')}
      data-away={isAway || undefined}
    >
      {isAway ? toggle : <LiveCells {...props} tools={toggle} />}
    </div>
  );
}

/** There or expected, without looking at all of them. */
function tasksOf(tree: TreeReader, roots: readonly string[]): number {
  return roots.reduce((sum, id) => sum + tree.rollup(id).total, 0);
}

function LiveCells(props: Props & { tools: React.ReactNode }) {
  const { tree, version, roots, withOmittedRoots, query } = props;
  const stale = useStaleness();
  const [keeper] = useState(() => new CellKeeper());
  const cells = useSyncExternalStore(keeper.subscribe, keeper.getCells);
  useEffect(() => {
    keeper.show({ tree, roots, withOmittedRoots, stale, query });
  }, [keeper, tree, version, roots, withOmittedRoots, stale, query]);
  return <CellPicture {...props} cells={cells} />;
}
