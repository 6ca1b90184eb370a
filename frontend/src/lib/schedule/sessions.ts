// What the schedule means at a moment: which session is on, which is next,
// what is past. Pure. The host decides a session's state; the page only moves
// it forward between two answers, so that a start is shown when it happens.

import type { RaceEvent, Schedule, Session, SessionState } from '../api/types';

export interface Placed {
  event: RaceEvent;
  session: Session;
}

export interface Hero extends Placed {
  on: boolean;
}

const SOON_MS = 30 * 60_000;

export function stateAt(session: Session, now: number): SessionState {
  const { state, status, start, end } = session;
  // Of one that may not take place only the host says what is on.
  if (start === null || status === 'unconfirmed' || isOff(session)) return state;
  if (state === 'overtime' || state === 'finished') return state;
  const toStart = Date.parse(start) - now;
  if (state === 'live' || toStart <= 0) {
    return end !== null && Date.parse(end) <= now ? 'overtime' : 'live';
  }
  return toStart <= SOON_MS ? 'soon' : state;
}

export function isOn(session: Session, now: number): boolean {
  const state = stateAt(session, now);
  return !isOff(session) && (state === 'live' || state === 'overtime');
}

/** Does not take place, or not then. */
export function isOff(session: Session): boolean {
  return session.status === 'cancelled' || session.status === 'postponed';
}

/** Where a session stands in time; for a bare date, the end of that day in UTC. */
export function sortKey(session: Session): number {
  return session.start !== null
    ? Date.parse(session.start)
    : Date.parse(`${session.date}T00:00:00Z`) + 86_399_000;
}

export function inOrder(sessions: readonly Session[]): Session[] {
  return [...sessions].sort((a, b) => sortKey(a) - sortKey(b));
}

/** The session that is on, else the next one; one that is off is neither. */
export function hero(schedule: Schedule, now: number): Hero | null {
  const open = placed(schedule).filter(
    ({ session }) => !isOff(session) && stateAt(session, now) !== 'finished',
  );
  const on = open.filter(({ session }) => isOn(session, now));
  // A session in overtime gives way to one that has really begun.
  const live = on.find(({ session }) => stateAt(session, now) === 'live') ?? on[0];
  if (live !== undefined) return { ...live, on: true };
  const next = open.find(({ session }) => sortKey(session) > now);
  return next === undefined ? null : { ...next, on: false };
}

/** The season's events by their first session, not by round: rounds are renumbered. */
export function inSeasonOrder(events: readonly RaceEvent[]): RaceEvent[] {
  const first = (event: RaceEvent) => Math.min(...event.sessions.map(sortKey));
  return [...events].sort((a, b) => first(a) - first(b));
}

export function isCancelled(event: RaceEvent): boolean {
  return event.sessions.length > 0 && event.sessions.every((s) => s.status === 'cancelled');
}

export function isPast(event: RaceEvent, now: number): boolean {
  return event.sessions.every(
    (session) =>
      stateAt(session, now) === 'finished' || (!isOn(session, now) && sortKey(session) < now),
  );
}

export function hasSprint(event: RaceEvent): boolean {
  return event.sessions.some((session) => session.kind === 'sprint');
}

/** First and last instant of an event, for writing its days. */
export function extent(event: RaceEvent): { from: string; to: string; dated: boolean } | null {
  const sessions = inOrder(event.sessions);
  const first = sessions[0];
  const last = sessions[sessions.length - 1];
  if (first === undefined || last === undefined) return null;
  const dated = first.start === null || last.start === null;
  return {
    from: dated ? `${first.date}T00:00:00Z` : (first.start as string),
    to: dated ? `${last.date}T00:00:00Z` : (last.start as string),
    dated,
  };
}

const THIS_WEEKEND_MS = 4 * 86_400_000;

/** The event has begun or begins within days, so that "this weekend" is true. */
export function isThisWeekend(event: RaceEvent, now: number): boolean {
  const first = inOrder(event.sessions)[0];
  return first !== undefined && sortKey(first) - now < THIS_WEEKEND_MS;
}

const CHANGED_FOR_MS = 7 * 86_400_000;

/** Changed within the last week, and still to come: worth a badge. */
export function changedLately(session: Session, now: number): boolean {
  if (session.changed_at === null || isOff(session) || stateAt(session, now) === 'finished') {
    return false;
  }
  return now - Date.parse(session.changed_at) < CHANGED_FOR_MS;
}

function placed(schedule: Schedule): Placed[] {
  return schedule.events
    .flatMap((event) => event.sessions.map((session) => ({ event, session })))
    .sort((a, b) => sortKey(a.session) - sortKey(b.session));
}
