import { useMemo } from 'react';
import { seenLine, seenLines } from '../core/seen.js';
import { parseTraceback, shortFile, type Frame, type Raised } from '../core/traceback.js';
import { CopyButton } from './copy-button.js';
import { formatCount } from './format.js';
import { useRemembered } from './memory.js';
import { useWords } from './words.js';

type Shown = 'frames' | 'text';

/** The user's own frames first, or all of it as Python wrote it; the same wherever a failure is opened. `more` stands beside what can be done with it. */
export function Traceback({ text, more }: { text: string; more?: React.ReactNode }) {
  const words = useWords();
  const [chosen, setShown] = useRemembered<Shown>('traceback', kept => (kept === 'text' ? 'text' : 'frames'));
  const raised = useMemo(() => parseTraceback(text), [text]);
  const last = raised.at(-1);
  const shown = last ? chosen : 'text';
  return (
    <>
      {last && shown === 'frames' ? (
        <AllFrames last={last} before={raised.slice(0, -1).reverse()} />
      ) : (
        // Scrolls, so the keyboard must get in.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className="tt-traceback" tabIndex={0} role="group" aria-label={words.__('Traceback')}>
          {seenLines(text)}
        </pre>
      )}
      <p className="tt-line-actions">
        {last ? (
          <button
            type="button"
            className="tt-link"
            onClick={() => setShown(shown === 'frames' ? 'text' : 'frames')}
          >
            {shown === 'frames' ? words.__('Whole traceback') : words.__('Own code first')}
          </button>
        ) : null}
        <CopyButton text={text} label={words.__('Copy traceback')} />
        {more}
      </p>
    </>
  );
}

function AllFrames({ last, before }: { last: Raised; before: readonly Raised[] }) {
  const words = useWords();
  return (
    <div className="tt-frames" role="group" aria-label={words.__('Traceback')}>
      <Frames raised={last} />
      {before.map((each, index) => (
        <details key={index} className="tt-frames-before">
          <summary>
            {words.__('Before it')}
            {': '}
            <span className="tt-error-text">{seenLine(each.error)}</span>
          </summary>
          <Frames raised={each} />
        </details>
      ))}
    </div>
  );
}

/** Innermost first: what one looks for stands at the top. */
function Frames({ raised }: { raised: Raised }) {
  const words = useWords();
  const frames = [...raised.frames].reverse();
  const own = frames.filter(frame => frame.isOwn);
  const others = frames.filter(frame => !frame.isOwn);
  const [where] = frames;
  return (
    <>
      {where && !where.isOwn ? (
        <p className="tt-frame-place tt-faint" title={seenLine(where.path)}>
          {placeText(where)}
        </p>
      ) : null}
      <ol className="tt-frame-list">
        {own.map((frame, index) => (
          <FrameItem key={index} frame={frame} />
        ))}
      </ol>
      {others.length > 0 ? (
        <details className="tt-frames-others">
          <summary>
            {words._n(
              '%2 frame of libraries',
              '%2 frames of libraries',
              others.length,
              formatCount(others.length)
            )}
          </summary>
          <ol className="tt-frame-list">
            {others.map((frame, index) => (
              <FrameItem key={index} frame={frame} />
            ))}
          </ol>
        </details>
      ) : null}
    </>
  );
}

function placeText(frame: Frame): string {
  return `${seenLine(shortFile(frame))}:${frame.line}`;
}

function FrameItem({ frame }: { frame: Frame }) {
  const { path, line, function: name, code } = frame;
  return (
    <li className={frame.isOwn ? 'tt-frame tt-frame-own' : 'tt-frame'}>
      <span className="tt-frame-place" title={`${seenLine(path)}:${line}`}>
        {placeText(frame)}
        {name === '' ? '' : ` · ${seenLine(name)}`}
      </span>
      {code === '' ? null : <code className="tt-frame-code">{seenLines(code)}</code>}
    </li>
  );
}
