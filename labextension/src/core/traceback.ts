/** A Python traceback, taken apart: what was called from where, and what of it is the user's own. */

export interface Frame {
  file: string;
  line: number;
  /** Null where the traceback names none. */
  name: string | null;
  /** The lines of code that the traceback quotes. */
  code: string;
  /** Whether it is code of a user, not of Python, a package or IPython. */
  isOwn: boolean;
}

/** What was raised, and through which frames it went: outermost first. */
export interface Raised {
  /** `ValueError: Input X contains NaN.` */
  error: string;
  frames: Frame[];
  /** How it led to the next: `During handling of the above exception, another exception occurred:`; null for the last. */
  then: string | null;
}

const FILE = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
/** IPython's own way: `Cell In[14], line 3`, `File ~/fit.py:12, in fit(X)`. */
const CELL = /^Cell (In\s?\[\d*\]), line (\d+)(?:, in (.+))?$/;
const SHORT_FILE = /^File (.+):(\d+)(?:, in (.+))?$/;
const HEADER = /^(Traceback \(most recent call last\):|-{20,})/;
const LINKS =
  /^(During handling of the above exception, another exception occurred:|The above exception was the direct cause of the following exception:)$/;
const LIBRARY =
  /[\\/](site-packages|dist-packages)[\\/]|[\\/]lib(32|64)?[\\/]python\d|[\\/]Lib[\\/](?!site-packages)\w+\.py$|^<frozen |[\\/](IPython|ipykernel)[\\/]/;
const LONGEST = 400_000;

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
    const place = FILE.exec(line) ?? CELL.exec(line) ?? SHORT_FILE.exec(line);
    const frame = frames.at(-1);
    if (link) {
      end(line.trim());
    } else if (place) {
      frames.push(frameOf(place[1] ?? '', Number(place[2]), place[3] ?? null));
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

function frameOf(file: string, line: number, name: string | null): Frame {
  return { file, line, name, code: '', isOwn: !LIBRARY.test(file) };
}

/** `sklearn/utils/validation.py`: what is enough to know the file by. */
export function shortFile(file: string): string {
  const parts = file.split(/[\\/]/);
  const packages = Math.max(parts.lastIndexOf('site-packages'), parts.lastIndexOf('dist-packages'));
  if (packages >= 0) {
    return parts.slice(packages + 1).join('/');
  }
  // What IPython calls a cell's code: /tmp/ipykernel_123/456.py
  if (/^ipykernel_\d+$/.test(parts.at(-2) ?? '')) {
    return 'cell';
  }
  return parts.slice(-2).join('/');
}

/** Without the lines that only underline another (`~~~^^^`), and without what all are indented by. */
function dedented(code: string): string {
  const lines = code.split('\n').filter(line => line.trim() !== '' && !/^[\s~^]+$/.test(line));
  const indent = Math.min(...lines.map(line => line.length - line.trimStart().length));
  return lines.map(line => line.slice(indent)).join('\n');
}
