import { useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { guess } from '../better.js';
import { formatCount, formatCounts } from '../format.js';
import { useRemembered } from '../memory.js';
import type { Part, PartProps } from '../part.js';
import { NONE, useStaleness, type Staleness } from '../staleness.js';
import { useWords, type Words } from '../words.js';
import { betterOf, choicesOf, firstSort, groupOf, sortOf } from './choices.js';
import { ColumnChooser } from './column-chooser.js';
import { inOrder, isShown } from './columns.js';
import { CopyCsv } from './copy-csv.js';
import { GroupMenu } from './group-menu.js';
import { TableKeeper } from './keeper.js';
import type { Picture } from './picture.js';
import { TableGrid } from './table-grid.js';
import { columnLabel } from './text.js';

function TablePart(props: PartProps) {
  const { tree, version, roots, now, query } = props;
  const words = useWords();
  const [keeper] = useState(() => new TableKeeper());
  const [group, setGroup] = useRemembered('table.group', groupOf);
  const [sort, setSort] = useRemembered('table.sort', sortOf);
  const [chosen, setChosen] = useRemembered('table.columns', choicesOf);
  const [better, setBetter] = useRemembered('table.better', betterOf);
  const [isChoosing, setChoosing] = useState(false);
  const chooserId = useId();
  const chooserButton = useRef<HTMLButtonElement>(null);
  const picture = useSyncExternalStore(keeper.subscribe, keeper.getPicture);
  useEffect(() => {
    keeper.show({ tree, roots, now, group, query, sort, better });
  }, [keeper, tree, version, roots, now, group, query, sort, better]);
  const all = useMemo(() => (picture ? inOrder(picture.columns) : []), [picture]);
  const shown = useMemo(() => all.filter(column => isShown(column, chosen)), [all, chosen]);
  const staleness = useStaleness();
  const stale = useMemo(() => staleRows(picture, staleness), [picture, staleness]);
  if (!picture) {
    return <p className="tt-table-none tt-faint">{words.__('Gathering tasks…')}</p>;
  }
  const sortBy = (column: string) => {
    const first = firstSort(column, better[column] ?? guess(column));
    const isFirst = sort?.column === column && sort.descending === first.descending;
    const isSecond = sort?.column === column && !isFirst;
    setSort(isSecond ? null : isFirst ? { column, descending: !first.descending } : first);
  };
  return (
    <div className="tt-table">
      <div className="tt-table-head">
        <GroupMenu picture={picture} onChoose={setGroup} />
        <span className="tt-stats tt-table-stats">{summary(words, picture, stale)}</span>
        {picture.isOutOfOrder ? (
          <button type="button" className="tt-link" onClick={() => keeper.sortAgain()}>
            {words.__('Sort again')}
          </button>
        ) : null}
        <span className="tt-table-tools">
          <button
            ref={chooserButton}
            type="button"
            className="tt-link"
            aria-expanded={isChoosing}
            aria-controls={isChoosing ? chooserId : undefined}
            onClick={() => setChoosing(!isChoosing)}
          >
            {words.__('Columns (%1 of %2)', shown.length, all.length)}
          </button>
          <CopyCsv
            rows={picture.rows}
            columns={shown.map(({ name }) => name)}
            name={picture.group?.name ?? props.title}
          />
        </span>
      </div>
      {isChoosing ? (
        <ColumnChooser
          id={chooserId}
          columns={all}
          chosen={chosen}
          better={better}
          onChoose={setChosen}
          onBetter={setBetter}
          onClose={() => {
            setChoosing(false);
            chooserButton.current?.focus();
          }}
        />
      ) : null}
      {picture.rows.length === 0 ? (
        <p className="tt-table-none tt-faint">
          {query ? words.__('Nothing matches “%1”', query.text) : words.__('No tasks')}
        </p>
      ) : (
        <TableGrid
          {...props}
          keeper={keeper}
          rows={picture.rows}
          columns={shown}
          best={picture.best}
          sort={sort}
          onSort={sortBy}
          label={words.__('Table of %1', picture.group?.name ?? props.title)}
        />
      )}
    </div>
  );
}

function staleRows(picture: Picture | null, staleness: Staleness): number {
  return picture === null || staleness === NONE
    ? 0
    : picture.rows.filter(({ id }) => staleness.since(id) !== null).length;
}

/** `6 480 completed, 3 failed · sorted by auc` */
function summary(words: Words, { rows, total, counts, wanted }: Picture, stale: number): string {
  const parts = [formatCounts(words, counts, { stale })];
  if (rows.length < total) {
    parts.unshift(words.__('%1 of %2', formatCount(rows.length), formatCount(total)));
  }
  if (wanted.sort) {
    parts.push(words.__('sorted by %1', columnLabel(words, wanted.sort.column)));
  }
  return parts.filter(Boolean).join(' · ');
}

export const tablePart: Part = {
  id: 'table',
  label: words => words.__('Table'),
  isThere: ({ tree, roots }) => roots.length > 1 || roots.some(id => tree.children(id).length > 0),
  Body: TablePart
};
