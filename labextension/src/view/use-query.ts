import { useMemo } from 'react';
import { NOTHING_STALE, type StaleTasks } from '../core/presence.js';
import { parseQuery, type Query } from '../core/query.js';

/** What somebody looks for. Another one only where the text is another, or the tasks that aren't heard, if it asks for those. */
export function useQuery(text: string, stale: StaleTasks): Query | null {
  const parsed = useMemo(() => parseQuery(text), [text]);
  const told = parsed?.asksForStale ? stale : NOTHING_STALE;
  return useMemo(() => (told === NOTHING_STALE ? parsed : parseQuery(text, told)), [parsed, text, told]);
}
