import type { TreeNode } from '../core/reader.js';
import { isNamed, titleOf } from './node.js';

export function Title({ node, faint = false }: { node: TreeNode; faint?: boolean }) {
  const title = titleOf(node);
  const className = `tt-title${faint ? ' tt-faint' : ''}${isNamed(node) ? '' : ' tt-untitled'}`;
  return (
    <span className={className} title={title}>
      {title}
    </span>
  );
}
