/** What a project's log holds, asked of the server over HTTP: events from the newest back to the first, and metrics over time. */
import { apiUrlOf } from './endpoint.js';
import type { Environment } from './environment.js';
import { isWhole, type TreeEvent } from './envelope.js';
import { isObject } from './json.js';
import { pointOf, type Point } from './series.js';
import { isInteger } from './shape.js';
import { translatable } from './translatable.js';

export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical';

/** What somebody wants to see of a log; all that is left out is wanted. */
export interface EventQuery {
  types?: readonly string[];
  /** Events about one of these tasks. */
  nodeIds?: readonly string[];
  /** … or about what stands below them. */
  below?: boolean;
  /** With this text in the type or anywhere in the data, in whichever case. */
  contains?: string;
  /** Of log lines those of this level or above. */
  level?: LogLevel;
}

export interface EventPage {
  epoch: string;
  /** Newest first. */
  events: TreeEvent[];
  /** The offset before which to go on; null: there is nothing more. Also where nothing was found so far. */
  next: number | null;
  /** Events up to here were let go. */
  trimmed: number;
}

export interface MeasuredSeries {
  nodeId: string;
  metric: string;
  /** Oldest first. */
  points: Point[];
}

export interface MeasuredPage {
  epoch: string;
  series: MeasuredSeries[];
  next: number | null;
}

export interface SeriesOptions {
  /** The offset before which to look; null: from the newest event on. */
  before?: number | null;
  /** Of each series at most. */
  points?: number;
}

/** Each rejects with a `HistoryError`. */
export interface History {
  /** `before`: an offset; null: from the newest event on. */
  eventsBefore(
    projectId: string,
    before: number | null,
    query: EventQuery,
    limit: number
  ): Promise<EventPage>;
  /** A page may hold nothing of a task, though there is more further back: `next` says where to go on. */
  seriesOf(projectId: string, nodeIds: readonly string[], options?: SeriesOptions): Promise<MeasuredPage>;
}

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  constructor(
    message: string,
    /** Of HTTP; null: there was no answer. */
    readonly status: number | null
  ) {
    super(message);
  }
}

const UNHEARD = translatable('The Jupyter server doesn’t answer.');
const REFUSED = translatable('The server doesn’t let this page read what happened before.');
const OLDER = translatable('This Jupyter server is too old to read its log backwards.');
const ABSENT = translatable('The project isn’t on the Jupyter server any more.');
const FAILED = translatable('The Jupyter server can’t read its log just now.');

type Parameters = readonly (readonly [name: string, value: string])[];

export class ServerHistory implements History {
  /** `socketUrl`: the hub's, with the token in its query where the page has to send one. */
  constructor(
    private readonly environment: Pick<Environment, 'get'>,
    private readonly socketUrl: string
  ) {}

  async eventsBefore(
    projectId: string,
    before: number | null,
    query: EventQuery,
    limit: number
  ): Promise<EventPage> {
    const { types = [], nodeIds = [], below = false, contains = '', level } = query;
    const body = await this.get(projectId, 'events', [
      ['before', before === null ? 'now' : String(before)],
      ['limit', String(limit)],
      ...types.map(type => ['types', type] as const),
      ...nodeIds.map(id => ['node_id', id] as const),
      ...(below ? [['below', 'true'] as const] : []),
      ...(contains === '' ? [] : [['contains', contains] as const]),
      ...(level === undefined ? [] : [['level', level] as const])
    ]);
    const events = Array.isArray(body.events) ? body.events.filter(isWhole) : [];
    // A server that knows no `before` answers from the first event on.
    if (!isInteger(body.trimmed, 0)) {
      throw new HistoryError(OLDER, 200);
    }
    return { epoch: String(body.epoch), events, next: nextOf(body.next), trimmed: body.trimmed };
  }

  async seriesOf(
    projectId: string,
    nodeIds: readonly string[],
    options: SeriesOptions = {}
  ): Promise<MeasuredPage> {
    const { before = null, points = 200 } = options;
    const body = await this.get(projectId, 'series', [
      ['before', before === null ? 'now' : String(before)],
      ['points', String(points)],
      ...nodeIds.map(id => ['node_id', id] as const)
    ]);
    const series = Array.isArray(body.series) ? body.series.flatMap(seriesIn) : [];
    return { epoch: String(body.epoch), series, next: nextOf(body.next) };
  }

  private async get(
    projectId: string,
    what: 'events' | 'series',
    parameters: Parameters
  ): Promise<Record<string, unknown>> {
    const { url, headers } = apiUrlOf(this.socketUrl, ['projects', projectId, what], parameters);
    const answer = await this.environment.get(url, headers);
    if (answer?.status === 200 && isObject(answer.body)) {
      return answer.body;
    }
    throw new HistoryError(messageOf(answer), answer?.status ?? null);
  }
}

function messageOf(answer: { status: number; body: unknown } | null): string {
  switch (answer?.status) {
    case undefined:
      return UNHEARD;
    case 401:
    case 403:
      return REFUSED;
    case 404: {
      const { body } = answer;
      return isObject(body) && body.field === 'project_id' ? ABSENT : OLDER;
    }
    default:
      return FAILED;
  }
}

function nextOf(value: unknown): number | null {
  return isInteger(value, 0) ? value : null;
}

function seriesIn(value: unknown): MeasuredSeries[] {
  if (!isObject(value) || typeof value.node_id !== 'string' || typeof value.metric !== 'string') {
    return [];
  }
  const points = Array.isArray(value.points) ? value.points : [];
  return [
    {
      nodeId: value.node_id,
      metric: value.metric,
      points: points.flatMap((point: unknown) =>
        Array.isArray(point) && typeof point[0] === 'number' ? [pointOf(point[0], point[1], point[2])] : []
      )
    }
  ];
}
