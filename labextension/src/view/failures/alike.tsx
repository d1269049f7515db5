import type { TreeReader } from '../../core/reader.js';
import { formatCount } from '../format.js';
import { useTrouble } from '../trouble.js';
import { useWords } from '../words.js';

interface Props {
  tree: TreeReader;
  version: string;
  roots: readonly string[];
  /** The task that failed. */
  id: string;
  onShow: () => void;
}

/** How many others failed as this one did; leads to them. Nothing where it is the only one. */
export function AlikeFailures({ tree, version, roots, id, onShow }: Props) {
  const words = useWords();
  const { failures } = useTrouble(tree, version, roots);
  const others = (failures.find(({ ids }) => ids.includes(id))?.ids.length ?? 1) - 1;
  return others === 0 ? null : (
    <button type="button" className="tt-link" onClick={onShow}>
      {words._n('%2 like this', '%2 like this', others, formatCount(others))}
    </button>
  );
}
