/** Times on the wire: RFC 3339 strings, and microseconds since 1970-01-01T00:00:00Z. */

const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
// The years 0001 to 9999, in seconds since 1970.
const EARLIEST = -62_135_596_800;
const LATEST = 253_402_300_799;

/** Null where the value isn't a time as docs/fold.md defines it. Exact from 1685 to 2255, to a few microseconds outside. */
export function parseTime(value: unknown): number | null {
  const parts = typeof value === 'string' ? TIME.exec(value) : null;
  if (!parts) {
    return null;
  }
  const number = (index: number) => Number(parts[index] ?? 0);
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second] = [number(4), number(5), number(6)];
  const [zoneHour, zoneMinute] = [number(9), number(10)];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (MONTH_DAYS[month - 1] ?? 0);
  if (year < 1 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59) {
    return null;
  }
  if (zoneHour > 23 || zoneMinute > 59) {
    return null;
  }
  const zone = (zoneHour * 3600 + zoneMinute * 60) * (parts[8] === '-' ? -1 : 1);
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone;
  if (seconds < EARLIEST || seconds > LATEST) {
    return null;
  }
  return seconds * 1_000_000 + Number((parts[7] ?? '').padEnd(6, '0'));
}

// Date.UTC takes the years 0 to 99 for 1900 to 1999. Years are counted from March here, so that leap days come last.
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
