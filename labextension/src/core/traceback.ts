/** A Python traceback, taken apart: what was called from where, and what of it is the user's own. */

/** Where in the code a frame of a call stack stands. */
export interface Place {
  /** As it was written. */
  path: string;
  line: number;
  /** Empty at the top of a file, and where the traceback names none. */
  function: string;
  /** Whether it is code of the user's, and not of a library or of Python. */
  isOwn: boolean;
  /** Whether it is a notebook's cell. */
  isCell: boolean;
}

export interface Frame extends Place {
  /** The lines of code that the traceback quotes. */
  code: string;
}

/** What was raised, and through which frames it went: outermost first. */
export interface Raised {
  /** `ValueError: Input X contains NaN.` */
  error: string;
  frames: Frame[];
  /** How it led to the next: `During handling of the above exception, another exception occurred:`; null for the last. */
  then: string | null;
}

const FILE = /^[ |+]*File "(.+)", line ([0-9]+)(?:, in (.+))?$/;
/** Of a group of exceptions. */
const MARGIN = /^ *[|+]/;
/** IPython's own way: `Cell In[14], line 3`, `File ~/fit.py:12, in fit(X)`. */
const IN_CELL = /^Cell (In\s?\[\d*\]), line (\d+)(?:, in (.+))?$/;
const SHORT_FILE = /^File (.+):(\d+)(?:, in (.+))?$/;
const HEADER = /^(Traceback \(most recent call last\):|-{20,})/;
const LINKS =
  /^(During handling of the above exception, another exception occurred:|The above exception was the direct cause of the following exception:)$/;
// `core/signature.py` has the same, for what it tells of failures; `tests/vectors/signatures` holds them together.
const LIBRARY =
  /[\\/](?:site-packages|dist-packages)[\\/]|[\\/]lib(?:32|64)?[\\/]python[0-9.]+t?[\\/]|[\\/]python[0-9]*[\\/]lib[\\/]|[\\/]envs[\\/][^\\/]+[\\/]lib[\\/]/i;
const LIBRARY_ON_WINDOWS = '\\Lib\\';
const CELL = /[\\/]ipykernel_[0-9]+[\\/][^\\/]+\.py$|^<ipython-input-|^(?:Cell )?In ?\[/;
const TYPED = /^<(?:stdin|string|ipython-input-)/;
const LONGEST = 400_000;

/** The place that a line of a traceback names, as Python writes it; null for any other line. */
export function placeOf(line: string): Place | null {
  const found = FILE.exec(line);
  return found && placeAt(found);
}

function placeAt([, path = '', line, name = '']: RegExpExecArray): Place {
  const isLibrary = LIBRARY.test(path) || path.includes(LIBRARY_ON_WINDOWS);
  const isOwn = !isLibrary && (!path.startsWith('<') || TYPED.test(path));
  return { path, line: Number(line), function: name, isOwn, isCell: CELL.test(path) };
}

/** The last one is what the task ended with; empty where it is no traceback. */
export function parseTraceback(text: string): Raised[] {
  const all: Raised[] = [];
  let frames: Frame[] = [];
  let rest: string[] = [];
  const end = (then: string | null) => {
    const error = rest.join('\n').trim();
    if (frames.length > 0 || error !== '') {
      all.push({ error, frames, then });
    }
    frames = [];
    rest = [];
  };
  for (const line of text.slice(-LONGEST).split(/\r?\n/)) {
    const link = LINKS.exec(line.trim());
    // What a group of exceptions holds isn't one after the other: that is read as it was written.
    const short = IN_CELL.exec(line) ?? SHORT_FILE.exec(line);
    const place = short ? placeAt(short) : MARGIN.test(line) ? null : placeOf(line);
    const frame = frames.at(-1);
    if (link) {
      end(line.trim());
    } else if (place) {
      frames.push({ ...place, code: '' });
      rest = [];
    } else if (HEADER.test(line)) {
      rest = [];
    } else if (frame && rest.length === 0 && (line.trim() === '' || /^(\s|-+> )/.test(line))) {
      frame.code += `${frame.code === '' ? '' : '\n'}${line}`;
    } else {
      rest.push(line);
    }
  }
  end(null);
  for (const { frames } of all) {
    for (const frame of frames) {
      frame.code = dedented(frame.code);
    }
  }
  return all.some(raised => raised.frames.length > 0) ? all : [];
}

/** `sklearn/utils/validation.py`: what is enough to know the file by. */
export function shortFile({ path, isCell }: Place): string {
  const parts = path.split(/[\\/]/);
  const packages = Math.max(parts.lastIndexOf('site-packages'), parts.lastIndexOf('dist-packages'));
  if (packages >= 0) {
    return parts.slice(packages + 1).join('/');
  }
  // What IPython calls a cell's code: /tmp/ipykernel_123/456.py
  return isCell && parts.length > 1 ? 'cell' : parts.slice(-2).join('/');
}

/** Without the lines that only underline another (`~~~^^^`), and without what all are indented by. */
function dedented(code: string): string {
  const lines = code.split('\n').filter(line => line.trim() !== '' && !/^[\s~^]+$/.test(line));
  const indent = Math.min(...lines.map(line => line.length - line.trimStart().length));
  return lines.map(line => line.slice(indent)).join('\n');
}
