import { seenLine } from '../../core/seen.js';
import { formatCount } from '../format.js';
import { useWords, type Words } from '../words.js';
import { ALL_TASKS, type Group, type Picture } from './picture.js';

/** More are no help in a menu. */
const LISTED = 40;

interface Props {
  picture: Picture;
  onChoose: (key: string) => void;
}

/** Which tasks are the rows: those of one kind, or all. */
export function GroupMenu({ picture: { groups, group, all }, onChoose }: Props) {
  const words = useWords();
  const listed = groups.slice(0, LISTED);
  if (group && !listed.includes(group)) {
    listed.push(group);
  }
  const everything = words.__('All tasks (%1)', formatCount(all));
  return (
    <span className="tt-run tt-table-group">
      <span className="tt-chip tt-run-chip" aria-hidden="true">
        {group ? nameOf(words, group, listed) : everything} ▾
      </span>
      <select
        className="tt-run-select"
        aria-label={words.__('Tasks in the table')}
        value={group?.key ?? ALL_TASKS}
        onChange={event => onChoose(event.target.value)}
      >
        {listed.map(each => (
          <option key={each.key} value={each.key}>
            {nameOf(words, each, listed)}
          </option>
        ))}
        <option value={ALL_TASKS}>{everything}</option>
      </select>
    </span>
  );
}

function nameOf(words: Words, group: Group, among: readonly Group[]): string {
  const name = seenLine(group.name);
  const count = formatCount(group.count);
  const isAmbiguous = among.some(other => other !== group && other.name === group.name);
  return isAmbiguous
    ? words.__('%1 (%2), level %3', name, count, group.depth)
    : words.__('%1 (%2)', name, count);
}
