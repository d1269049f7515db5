import { useMemo } from 'react';
import { useAtOnce } from '../hooks.js';
import { formatCount } from '../format.js';
import { ViewMemory } from '../memory.js';
import type { Part, PartProps } from '../part.js';
import { useWords } from '../words.js';
import { Expansion, expansionOf, FOUND_ROWS } from './expansion.js';
import { Matching } from './matching.js';
import { TreeGrid } from './tree-grid.js';

function TreePart(props: PartProps) {
  const { tree, roots, query } = props;
  const words = useWords();
  const usual = useMemo(() => expansionOf(props.projectId), [props.projectId]);
  const matching = useMemo(() => (query ? new Matching(tree, roots, query) : null), [tree, roots, query]);
  const text = query?.text ?? null;
  // What is opened while somebody looks for something leaves alone what they opened before.
  const expansion = useMemo(
    () => (text === null ? usual : new Expansion(new ViewMemory(null), FOUND_ROWS)),
    [text, usual]
  );
  useAtOnce(matching, each => each.getVersion());
  matching?.keepUp();
  return (
    <>
      {matching ? <Found matching={matching} /> : null}
      <TreeGrid
        {...props}
        expansion={expansion}
        matching={matching}
        label={words.__('Tasks of %1', props.title)}
      />
    </>
  );
}

/** How many match. */
function Found({ matching }: { matching: Matching }) {
  const words = useWords();
  const { count, isDone } = matching;
  const told = words._n('%2 task matches', '%2 tasks match', count, formatCount(count));
  const text = !isDone ? words.__('%1 so far …', told) : count === 0 ? words.__('Nothing matches') : told;
  return (
    <div className="tt-found">
      <span aria-hidden="true">{text}</span>
      <span className="tt-hidden" role="status">
        {isDone ? text : ''}
      </span>
    </div>
  );
}

export const treePart: Part = {
  id: 'tree',
  label: words => words.__('Tree'),
  isThere: () => true,
  Body: TreePart
};
