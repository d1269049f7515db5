import { Fragment } from 'react';
import type { TreeReader } from '../../core/reader.js';
import { seenLine } from '../../core/seen.js';
import { titleOf } from '../node.js';
import { StatusIcon } from '../status-icon.js';
import { useWords } from '../words.js';
import { Section } from './section.js';

interface Props {
  tree: TreeReader;
  ids: string[] | undefined;
  onSelect: (id: string) => void;
}

/** What it has to wait for. */
export function Dependencies({ tree, ids, onSelect }: Props) {
  const words = useWords();
  if (!ids?.length) {
    return null;
  }
  return (
    <Section id="after" title={words.__('After')}>
      <ul className="tt-dependencies">
        {ids.map((id, index) => {
          const node = tree.node(id);
          return (
            <li key={`${index} ${id}`}>
              {node ? (
                <button type="button" className="tt-link" onClick={() => onSelect(id)}>
                  <StatusIcon status={node.status} />
                  {titleOf(node)}
                </button>
              ) : (
                <span className="tt-faint">{seenLine(id)}</span>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

/** What it stands in, from the run down. */
export function Path({
  tree,
  id,
  onSelect
}: {
  tree: TreeReader;
  id: string;
  onSelect: (id: string) => void;
}) {
  const words = useWords();
  const above: string[] = [];
  for (
    let up = tree.node(id)?.parent_id;
    up !== undefined && above.length < 64;
    up = tree.node(up)?.parent_id
  ) {
    above.unshift(up);
  }
  if (above.length === 0) {
    return null;
  }
  return (
    <p className="tt-details-line tt-path" role="group" aria-label={words.__('In')}>
      {above.map((each, index) => {
        const node = tree.node(each);
        return (
          <Fragment key={each}>
            {index > 0 ? <span aria-hidden="true"> › </span> : null}
            <button type="button" className="tt-link" onClick={() => onSelect(each)}>
              {node ? titleOf(node) : seenLine(each)}
            </button>
          </Fragment>
        );
      })}
    </p>
  );
}
