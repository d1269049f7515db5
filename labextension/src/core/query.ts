/** What somebody looks for among tasks. */
import type { TreeNode } from './reader.js';

export interface Query {
  /** As it was typed. */
  readonly text: string;
  matches(node: TreeNode): boolean;
}

/** Null for a text that asks for nothing. */
export function parseQuery(text: string): Query | null {
  const wanted = text.trim().toLowerCase();
  return wanted === ''
    ? null
    : { text, matches: node => (node.title ?? node.node_id).toLowerCase().includes(wanted) };
}
