import type { TreeNode } from '../../core/reader.js';
import { errorText } from '../reasons.js';
import { Traceback } from '../traceback.js';
import { useWords } from '../words.js';

/** Why it failed: what was raised, and where in the user's own code. */
export function Failure({ node, more }: { node: TreeNode; more?: React.ReactNode }) {
  const words = useWords();
  const text = errorText(words, node);
  const traceback = node.error?.traceback;
  if (!text && !traceback) {
    return null;
  }
  return (
    <div className="tt-error">
      {text ? <p className="tt-error-text">{text}</p> : null}
      {traceback ? (
        <Traceback text={traceback} more={more} />
      ) : more ? (
        <p className="tt-line-actions">{more}</p>
      ) : null}
    </div>
  );
}
