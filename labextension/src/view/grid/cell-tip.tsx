import { useLayoutEffect, useRef, useState } from 'react';
import { elapsed } from '../elapsed.js';
import { formatCount, formatElapsed } from '../format.js';
import { messageOf, nameOf, titleOf } from '../node.js';
import type { PartProps } from '../part.js';
import { useStaleness } from '../staleness.js';
import { staleCount, statusCount, statusName } from '../status.js';
import { listed, useWords, type Words } from '../words.js';
import { countsBetween, lookOf, type Cells, type Look } from './cells.js';

type Source = Pick<PartProps, 'tree' | 'now' | 'ticks'> & { cells: Cells; each: number };

/** What is said of a cell: the task, how it stands, and what became of it. */
export function useCellText({ tree, cells, each, now, ticks }: Source): (cell: number) => string[] {
  const words = useWords();
  const stale = useStaleness();
  return cell => {
    const from = cell * each;
    const to = Math.min(from + each, cells.codes.length);
    if (to - from > 1) {
      const counts = countsBetween(cells.codes, from, to);
      const [first, last] = [cells.ids[from], cells.ids[to - 1]];
      const names = [first, last].map(id => (typeof id === 'string' ? nameOf(tree, id) : null));
      return [
        names[0] && names[1] ? words.__('%1 to %2', names[0], names[1]) : (names[0] ?? ''),
        listed(
          words,
          counts.map(([look, count]) => lookCount(words, look, count))
        )
      ].filter(Boolean);
    }
    const code = cells.codes[from];
    if (code === undefined) {
      return [words.__('No tasks')];
    }
    const id = cells.ids[from] ?? null;
    const look = lookOf(code);
    const node = id === null ? undefined : tree.node(id);
    if (id === null || !node) {
      return look === 'expected'
        ? [words.__('not there yet')]
        : [words.__('not kept in this output'), lookName(words, look)];
    }
    const time = elapsed(tree, id, now, stale);
    const isOver = look !== 'running' && look !== 'review';
    return [
      titleOf(node),
      time === null
        ? lookName(words, look)
        : `${lookName(words, look)} · ${formatElapsed(time, ticks && !isOver)}`,
      messageOf(words, tree, node) ?? ''
    ].filter(Boolean);
  };
}

function lookName(words: Words, look: Look): string {
  if (look === 'stale') {
    return words.__('stale');
  }
  return look === 'expected' ? words.__('not there yet') : statusName(words, look);
}

function lookCount(words: Words, look: Look, count: number): string {
  const written = formatCount(count);
  if (look === 'stale') {
    return staleCount(words, count, written);
  }
  return look === 'expected'
    ? words._n('%2 not there yet', '%2 not there yet', count, written)
    : statusCount(words, look, count, written);
}

interface Props {
  lines: readonly string[];
  /** The cell it belongs to. */
  mark: React.CSSProperties;
  /** Of what it has to stay within. */
  width: number;
}

/** Below the cell, within the picture's width, and never under the pointer. */
export function CellTip({ lines, mark, width }: Props) {
  const tip = useRef<HTMLDivElement>(null);
  const [own, setOwn] = useState(0);
  useLayoutEffect(() => {
    setOwn(tip.current?.offsetWidth ?? 0);
  }, [lines]);
  const left = Math.max(0, Math.min(Number(mark.left) - 8, width - own));
  const top = Number(mark.top) + Number(mark.height) + 10;
  return (
    <div ref={tip} className="tt-cells-tip" style={{ left, top }} aria-hidden="true">
      {lines.map((line, index) => (
        <div key={index} className={index === 0 ? 'tt-cells-tip-title' : 'tt-faint'}>
          {line}
        </div>
      ))}
    </div>
  );
}
