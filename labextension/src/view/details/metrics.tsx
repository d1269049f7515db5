import { Measuring } from '../../core/measuring.js';
import type { Point } from '../../core/series.js';
import { useRemembered } from '../memory.js';
import { useOpened } from '../opened.js';
import { told, useWords, type Words } from '../words.js';
import { Plot, type Axis } from './plot.js';
import type { Scene } from './scene.js';
import { Section } from './section.js';
import { PairList } from './value.js';

/** What the task measured: the last values, and how they came about. */
export function Metrics({ scene }: { scene: Scene }) {
  const words = useWords();
  const metrics = scene.node.metrics ?? {};
  if (Object.keys(metrics).length === 0) {
    return null;
  }
  return (
    <Section id="metrics" title={words.__('Metrics')}>
      <Measured scene={scene} metrics={metrics} />
    </Section>
  );
}

function Measured({ scene, metrics }: { scene: Scene; metrics: Record<string, number | string> }) {
  const words = useWords();
  const { projectId, node, history, follow } = scene;
  const stream = follow?.stream ?? null;
  const measuring = useOpened(
    () => new Measuring(projectId, node.node_id, history, stream),
    [projectId, node.node_id, history, stream]
  );
  const [axis, setAxis] = useRemembered<Axis>('plots.axis', kept => (kept === 'step' ? 'step' : 'time'));
  const drawn = [...measuring.metrics].filter(
    ([name, points]) => Object.hasOwn(metrics, name) && points.length > 1
  );
  const hasSteps = drawn.some(([, points]) => isStepped(points));
  const plain = Object.entries(metrics).filter(([name]) => !drawn.some(([each]) => each === name));
  const note = noteOf(words, measuring, drawn.length > 0);
  return (
    <>
      {hasSteps ? (
        <p className="tt-axis" role="group" aria-label={words.__('Horizontal axis')}>
          {(['time', 'step'] as const).map(each => (
            <button
              key={each}
              type="button"
              className="tt-axis-choice"
              aria-pressed={axis === each}
              onClick={() => setAxis(each)}
            >
              {each === 'time' ? words.__('by time') : words.__('by step')}
            </button>
          ))}
        </p>
      ) : null}
      {drawn.map(([name, points]) => (
        <Plot
          key={name}
          metric={name}
          points={points}
          axis={axis === 'step' && isStepped(points) ? 'step' : 'time'}
        />
      ))}
      <PairList entries={plain} numeric />
      {note === null ? null : <p className="tt-details-line tt-faint tt-note">{note}</p>}
      {measuring.extent === 'failed' ? (
        <p className="tt-details-line tt-note">
          <span className="tt-warning">{told(words, measuring.error ?? '')}</span>{' '}
          <button type="button" className="tt-link" onClick={() => void measuring.load()}>
            {words.__('Retry')}
          </button>
        </p>
      ) : null}
    </>
  );
}

function isStepped(points: readonly Point[]): boolean {
  return points.every(({ step }) => step !== null) && new Set(points.map(({ step }) => step)).size > 1;
}

function noteOf(words: Words, measuring: Measuring, isDrawn: boolean): string | null {
  switch (measuring.extent) {
    case 'loading':
      return words.__('looking for earlier values …');
    case 'cut':
      return words.__('Values further back than this were not looked for.');
    case 'recent':
      return isDrawn ? words.__('Since this page looks on; earlier values need the server.') : null;
    case 'whole':
    case 'failed':
      return null;
  }
}
