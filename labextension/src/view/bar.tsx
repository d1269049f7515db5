import type { Rollup, Status, TreeNode } from '../core/reader.js';
import { isEnded } from '../core/status.js';
import { formatCounts, formatPercent } from './format.js';
import { endedLeaves } from './status.js';
import type { Words } from './words.js';

export interface Segment {
  status: Status;
  /** Per mille of the bar. */
  width: number;
}

/**
 * What has ended takes its share, failed before running as in the log; what is under way takes the progress it has made, so
 * that the filled part of the bar is the progress and never more.
 */
export function segments(rollup: Rollup): Segment[] {
  const { completed = 0, failed = 0, cancelled = 0, skipped = 0, running = 0 } = rollup.counts;
  const whole = rollup.total - skipped;
  if (whole <= 0) {
    return [];
  }
  const ended = endedLeaves(rollup.counts);
  const underWay = Math.max(0, rollup.done - ended * 1000);
  const all: Segment[] = [
    { status: 'completed', width: (completed * 1000) / whole },
    { status: 'failed', width: (failed * 1000) / whole },
    { status: 'cancelled', width: (cancelled * 1000) / whole },
    { status: 'running', width: underWay / whole }
  ];
  return all.filter(segment => segment.width > 0 || (segment.status === 'running' && running > 0));
}

/** A leaf's bar says how far it got: a task that failed at 62 % isn't drawn as whole. */
export function leafSegments(node: TreeNode): Segment[] {
  if (node.status === 'skipped') {
    return [];
  }
  const known = typeof node.progress === 'number' ? node.progress * 1000 : null;
  const width = node.status === 'completed' ? 1000 : (known ?? (isEnded(node.status) ? 1000 : 0));
  const status = isEnded(node.status) ? node.status : 'running';
  return width > 0 || node.status === 'running' ? [{ status, width }] : [];
}

interface BarProps {
  parts: readonly Segment[];
  className?: string;
  /** Whether nobody knows if what is under way still is. */
  stale?: boolean;
}

export function Bar({ parts, className = 'tt-bar', stale = false }: BarProps) {
  return (
    <div className={className} aria-hidden="true" data-stale={stale || undefined}>
      {parts.map(part => (
        <i
          key={part.status}
          className={`tt-seg tt-seg-${part.status}`}
          style={{ width: `${part.width / 10}%` }}
        />
      ))}
    </div>
  );
}

/** The bar in words. */
export function progressText(words: Words, rollup: Rollup, stale: number): string {
  const counts = formatCounts(words, rollup.counts, { stale });
  const percent = formatPercent(rollup.progress);
  return counts ? words.__('%1: %2', percent, counts) : percent;
}
