/** What tasks report about themselves: any JSON, from anyone. Everything is shown as text. */
import { seenLine, seenLines } from '../../core/seen.js';
import { useWords } from '../words.js';
import { Section } from './section.js';

const LONGEST = 2000;

export function valueText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, null, 1) as string | undefined);
  const whole = text ?? String(value);
  return seenLines(whole.length > LONGEST ? `${whole.slice(0, LONGEST)}…` : whole);
}

/** `0.938`, `1.2e-7`, `NaN`: enough digits to compare, few enough to read. */
export function numberText(value: unknown): string {
  if (typeof value !== 'number') {
    return valueText(value);
  }
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

export function Value({ value }: { value: unknown }) {
  return <span className="tt-value">{valueText(value)}</span>;
}

interface PairsProps {
  /** Under which it is remembered whether it is open. */
  id: string;
  title: string;
  values: Record<string, unknown> | undefined;
  plain?: boolean;
}

export function Pairs({ id, title, values, plain = false }: PairsProps) {
  const entries = Object.entries(values ?? {});
  if (entries.length === 0) {
    return null;
  }
  return (
    <Section id={id} title={title}>
      <PairList entries={entries} plain={plain} />
    </Section>
  );
}

interface PairListProps {
  entries: readonly (readonly [key: string, value: unknown])[];
  numeric?: boolean;
  plain?: boolean;
}

export function PairList({ entries, numeric = false, plain = false }: PairListProps) {
  return entries.length === 0 ? null : (
    <dl className={`tt-pairs${plain ? ' tt-plain' : ''}`}>
      {entries.map(([key, value]) => (
        <div key={key}>
          <dt title={seenLine(key)}>{seenLine(key)}</dt>
          <dd>{numeric ? numberText(value) : valueText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Block({ id, title, value }: { id: string; title: string; value: unknown }) {
  if (value === undefined || value === null) {
    return null;
  }
  return (
    <Section id={id} title={title}>
      <div className="tt-details-line">
        <Value value={value} />
      </div>
    </Section>
  );
}

interface Link {
  label: string;
  href: string | null;
}

/** A task may name any address; only the web's own lead anywhere. */
function linksOf(links: unknown): Link[] {
  const pairs: [string | null, unknown][] = Array.isArray(links)
    ? links.map((link: unknown) => [null, link])
    : links && typeof links === 'object'
      ? Object.entries(links)
      : [];
  return pairs.map(([name, link]) => {
    const fields = link && typeof link === 'object' ? (link as Record<string, unknown>) : { url: link };
    const address = fields.url ?? fields.href;
    const label = fields.title ?? fields.label ?? name ?? address ?? link;
    return { label: valueText(label), href: webAddress(address) };
  });
}

export function webAddress(address: unknown): string | null {
  if (typeof address !== 'string') {
    return null;
  }
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

export function Links({ links }: { links: unknown }) {
  const words = useWords();
  const all = linksOf(links);
  if (all.length === 0) {
    return null;
  }
  return (
    <Section id="links" title={words.__('Links')}>
      <ul className="tt-dependencies">
        {all.map(({ label, href }, index) => (
          <li key={index}>
            {href ? (
              <a className="tt-link" href={href} target="_blank" rel="noopener noreferrer" title={href}>
                {label}
              </a>
            ) : (
              <span className="tt-faint">{label}</span>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
