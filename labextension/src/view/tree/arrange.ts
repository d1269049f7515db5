/** Which of many siblings alike are shown, in which order, and which make up the rest. */
import type { StatusCounts } from '../../core/reader.js';
import { STATUSES } from '../../core/status.js';
import { SHOWN, type Alike, type Member } from './alike.js';
import type { Listing } from './rows.js';

/** A group of more than this shows `SHOWN` of them and sums up the rest: with its row as many rows as before, so nothing shrinks. */
export const FOLD_ABOVE = 16;
/** While something fails, so many that run are shown all the same. */
const KEPT_FOR_RUNNING = 7;

export interface Arranged {
  shown: readonly Member[];
  /** Null where all are shown. */
  rest: { listing: Rest; counts: StatusCounts } | null;
}

/**
 * What failed first, then what runs, the slowest of what has ended, and what comes next: always the same number, so that rows don't jump about. What was shown
 * before stays in its place among its like. `keep`: somebody is on it, so it stays, whatever its status. `isOpen`: the rest is open too;
 * then all is in sight, and nothing changes its place.
 */
export function arrange(
  alike: Alike,
  before: Arranged | undefined,
  keep: ReadonlySet<Member>,
  isOpen: boolean
): Arranged {
  if (alike.members.length <= FOLD_ABOVE) {
    return { shown: alike.members, rest: null };
  }
  const last = (before?.shown ?? []).filter(member => alike.members[member.place] === member);
  if (isOpen && before?.rest) {
    return split(alike, last);
  }
  const kept = isOpen ? [] : [...keep].filter(member => alike.members[member.place] === member);
  const room = SHOWN - kept.length;
  const wanted = (members: readonly Member[], most: number) =>
    members.filter(member => !kept.includes(member)).slice(0, Math.max(0, most));

  const runs = wanted(alike.longestRunning(), room).length;
  const firstFailed = alike.firstFailed();
  const failed = wanted(firstFailed, room - Math.min(runs, KEPT_FOR_RUNNING));
  const running = steady(alike, last, kept, failed.length, room - failed.length);
  const ended = wanted(alike.slowestEnded(), room - failed.length - running.length);
  ended.sort((one, other) => durationOf(other) - durationOf(one) || one.place - other.place);
  const left = room - failed.length - running.length - ended.length;
  const next = left > 0 ? wanted(alike.next(left + kept.length), left) : [];
  const shown = [...failed, ...running, ...ended, ...next];

  const failedBefore = (member: Member) => {
    const at = firstFailed.indexOf(member);
    return at < 0 ? failed.length : failed.filter(each => firstFailed.indexOf(each) < at).length;
  };
  const places = kept.map(member => {
    const place = last.indexOf(member);
    return {
      member,
      place:
        place < 0
          ? member.node.status === 'failed'
            ? failedBefore(member)
            : placeFor(member, failed.length + running.length, shown.length)
          : place
    };
  });
  places.sort((one, other) => one.place - other.place);
  for (const { member, place } of places) {
    shown.splice(Math.min(place, shown.length), 0, member);
  }
  return split(alike, shown);
}

const durationOf = (member: Member) => member.times?.duration ?? -1;

/** The running ones to show: those shown before stay where they were, and what is free goes to those that run longest. */
function steady(
  alike: Alike,
  last: readonly Member[],
  kept: readonly Member[],
  from: number,
  room: number
): Member[] {
  const isRunning = ({ node }: Member) => node.status === 'running' || node.status === 'review';
  const old = last.filter(member => isRunning(member) && !kept.includes(member)).slice(0, Math.max(0, room));
  const fresh = alike
    .longestRunning()
    .filter(member => !old.includes(member) && !kept.includes(member))
    .slice(0, Math.max(0, room - old.length));
  const slots = new Array<Member | null>(old.length + fresh.length).fill(null);
  const homeless: Member[] = [];
  for (const member of old) {
    const slot = last.indexOf(member) - from;
    if (slot >= 0 && slot < slots.length && slots[slot] === null) {
      slots[slot] = member;
    } else {
      homeless.push(member);
    }
  }
  const waiting = [...homeless, ...fresh];
  return slots.map(member => member ?? (waiting.shift() as Member));
}

function placeFor({ node }: Member, behindRunning: number, all: number): number {
  return node.status === 'running' || node.status === 'review' ? behindRunning : all;
}

function split(alike: Alike, shown: readonly Member[]): Arranged {
  const counts: StatusCounts = { ...alike.counts };
  for (const { node } of shown) {
    counts[node.status] = (counts[node.status] ?? 0) - 1;
  }
  for (const status of STATUSES) {
    if (!counts[status]) {
      Reflect.deleteProperty(counts, status);
    }
  }
  return { shown, rest: { listing: new Rest(alike.members, shown), counts } };
}

/** All members but those that are shown, in the order of the siblings. As they are now: what comes later isn't in it. */
export class Rest implements Listing {
  readonly length: number;
  private readonly left: number[];

  constructor(
    private readonly members: readonly Member[],
    shown: readonly Member[]
  ) {
    this.left = shown.map(({ place }) => place).sort((one, other) => one - other);
    this.length = members.length - shown.length;
  }

  at(rank: number): string {
    let place = rank;
    for (const left of this.left) {
      if (left > place) {
        break;
      }
      place += 1;
    }
    return (this.members[place] as Member).id;
  }

  rankOf(member: Member): number {
    let rank = member.place;
    for (const left of this.left) {
      if (left === member.place) {
        return -1;
      }
      if (left > member.place) {
        break;
      }
      rank -= 1;
    }
    return rank < this.length && this.members[member.place] === member ? rank : -1;
  }
}
