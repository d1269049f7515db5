import { useMemo } from 'react';
import type { Part, PartProps } from '../part.js';
import { useWords } from '../words.js';
import { expansionOf } from './expansion.js';
import { TreeGrid } from './tree-grid.js';

function TreePart(props: PartProps) {
  const words = useWords();
  const expansion = useMemo(() => expansionOf(props.projectId), [props.projectId]);
  return <TreeGrid {...props} expansion={expansion} label={words.__('Tasks of %1', props.title)} />;
}

export const treePart: Part = {
  id: 'tree',
  label: words => words.__('Tree'),
  isThere: () => true,
  Body: TreePart
};
