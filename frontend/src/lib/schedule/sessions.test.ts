import { describe, expect, test } from 'vitest';
import type { RaceEvent, Schedule, Session } from '../api/types';
import {
  changedLately,
  extent,
  hero,
  inOrder,
  inSeasonOrder,
  isCancelled,
  isOn,
  isPast,
  stateAt,
} from './sessions';
import { standing } from './words';

const START = Date.parse('2026-11-22T04:00:00Z');
const MIN = 60_000;

function session(more: Partial<Session> = {}): Session {
  return {
    id: '2026-las_vegas-race',
    kind: 'race',
    name: 'Race',
    start: '2026-11-22T04:00:00Z',
    end: '2026-11-22T06:00:00Z',
    date: '2026-11-22',
    state: 'upcoming',
    status: 'scheduled',
    changed_at: null,
    previous_start: null,
    ...more,
  };
}

const BARE = { start: null, end: null, status: 'unconfirmed' } as const;

function event(id: string, ...sessions: Session[]): RaceEvent {
  const circuit = { id, name: id, locality: id, country: id, timezone: 'UTC' };
  return { id, name: id, round: 1, circuit, sessions };
}

function season(...events: RaceEvent[]): Schedule {
  const at = '2026-11-20T00:00:00Z';
  return { season: 2026, server_time: at, fetched_at: at, stale: false, sources: [], events };
}

describe('state moves forward between two answers, never back', () => {
  test.each<[string, Partial<Session>, number, string]>([
    ['long before', {}, -120 * MIN, 'upcoming'],
    ['half an hour before', {}, -30 * MIN, 'soon'],
    ['at the start', {}, 0, 'live'],
    ['at the end', {}, 120 * MIN, 'overtime'],
    ['live early, because the host said so', { state: 'live' }, -5 * MIN, 'live'],
    ['overtime early, because the host said so', { state: 'overtime' }, 60 * MIN, 'overtime'],
    ['the host alone finishes it', { state: 'finished' }, 30 * MIN, 'finished'],
    ['no end known', { end: null }, 300 * MIN, 'live'],
    ['no time known', BARE, 300 * MIN, 'upcoming'],
    ['in doubt, the host alone says it', { status: 'unconfirmed' }, 10 * MIN, 'upcoming'],
    ['called off', { status: 'postponed' }, 10 * MIN, 'upcoming'],
  ])('%s', (_, more, after, expected) => {
    expect(stateAt(session(more), START + after)).toBe(expected);
  });
});

describe('words', () => {
  test.each<[string, Partial<Session>, string]>([
    ['cancelled wins', { status: 'cancelled', state: 'finished' }, 'Cancelled'],
    ['postponed', { status: 'postponed' }, 'Postponed'],
    ['at another time', { status: 'changed' }, 'Time changed'],
    ['to be confirmed', BARE, 'To be confirmed'],
    ['upcoming', {}, 'Upcoming'],
  ])('%s', (_, more, expected) => {
    expect(standing(session(more), START - 600 * MIN).word).toBe(expected);
  });

  test('one at another time that runs is live', () => {
    expect(standing(session({ status: 'changed' }), START).word).toBe('Live');
  });
});

describe('hero', () => {
  const practice = session({
    id: 'p',
    kind: 'practice3',
    start: '2026-11-21T00:30:00Z',
    end: '2026-11-21T01:30:00Z',
  });
  const vegas = event('vegas', session(), practice);

  test.each<[string, number, string | null, boolean]>([
    ['the next one, by time and not by order', START - 2_000 * MIN, 'p', false],
    ['the one that is on', Date.parse('2026-11-21T01:00:00Z'), 'p', true],
    ['still on in overtime', Date.parse('2026-11-21T01:40:00Z'), 'p', true],
  ])('%s', (_, now, id, on) => {
    const found = hero(season(vegas), now);
    expect(found?.session.id ?? null).toBe(id);
    expect(found?.on).toBe(on);
  });

  test('a session that has begun wins over one in overtime', () => {
    const late = { ...practice, state: 'overtime' as const };
    expect(hero(season(event('vegas', late, session())), START)?.session.kind).toBe('race');
  });

  test('a cancelled session is neither on nor next', () => {
    const gone = session({ status: 'cancelled' });
    expect(hero(season(event('vegas', gone)), START)).toBeNull();
    expect(hero(season(event('vegas', gone)), START - MIN)).toBeNull();
  });

  test('a bare date is next until that day is over', () => {
    const bare = event('vegas', session(BARE));
    expect(hero(season(bare), Date.parse('2026-11-22T12:00:00Z'))?.on).toBe(false);
    expect(hero(season(bare), Date.parse('2026-11-23T12:00:00Z'))).toBeNull();
  });

  test('off-season there is none', () => {
    expect(hero(season(event('vegas', session({ state: 'finished' }))), START)).toBeNull();
    expect(hero(season(), START)).toBeNull();
  });
});

test('a cancelled session is never on', () => {
  expect(isOn(session(), START)).toBe(true);
  expect(isOn(session({ status: 'cancelled' }), START)).toBe(false);
});

test('an event is past when nothing of it is on or to come', () => {
  const vegas = event('vegas', session());
  expect(isPast(vegas, START - MIN)).toBe(false);
  expect(isPast(vegas, START + MIN)).toBe(false);
  expect(isPast(event('vegas', session({ state: 'finished' })), START + 200 * MIN)).toBe(true);
  expect(isPast(event('vegas', session(BARE)), START + 2 * 1440 * MIN)).toBe(true);
});

test('sessions go by time; a bare date comes last of its day', () => {
  const early = session({ id: 'early', start: '2026-11-22T01:00:00Z' });
  const bare = session({ id: 'bare', ...BARE });
  const late = session({ id: 'late', start: '2026-11-22T22:00:00Z' });
  expect(inOrder([late, bare, early]).map((s) => s.id)).toEqual(['early', 'late', 'bare']);
});

test('events go by their first session', () => {
  const early = event('early', session({ start: '2026-11-20T00:00:00Z' }));
  const late = event('late', session());
  expect(inSeasonOrder([late, early]).map((e) => e.id)).toEqual(['early', 'late']);
});

test('an event is cancelled when all of it is', () => {
  const gone = session({ status: 'cancelled' });
  expect(isCancelled(event('x', gone, gone))).toBe(true);
  expect(isCancelled(event('x', gone, session()))).toBe(false);
  expect(isCancelled(event('x'))).toBe(false);
});

test('an event with a bare date is written by its dates', () => {
  expect(extent(event('x', session(BARE)))).toMatchObject({
    from: '2026-11-22T00:00:00Z',
    dated: true,
  });
  expect(extent(event('x'))).toBeNull();
});

test('a change is worth a badge for a week', () => {
  const changed = session({ changed_at: '2026-11-20T00:00:00Z' });
  expect(changedLately(changed, Date.parse('2026-11-22T00:00:00Z'))).toBe(true);
  expect(changedLately(changed, Date.parse('2026-11-28T00:00:00Z'))).toBe(false);
  expect(changedLately(session(), START)).toBe(false);
  const now = Date.parse('2026-11-22T00:00:00Z');
  expect(changedLately({ ...changed, state: 'finished', start: null }, now)).toBe(false);
  expect(changedLately({ ...changed, status: 'cancelled' }, now)).toBe(false);
});
