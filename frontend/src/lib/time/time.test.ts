import { describe, expect, test } from 'vitest';
import { remaining, shortRemaining, spoken } from './countdown';
import { ago, dateOnly, day, dayKey, dayRange, span, time, timeWithZone } from './format';
import { clockOffset } from './offset';
import { isZoneChoice, zoneFor } from './zone';

// The Las Vegas race of 2026: Saturday evening there, Sunday in UTC.
const VEGAS = '2026-11-22T04:00:00Z';
// Versions of the locale data differ in spaces and commas.
const plain = (text: string) => text.replace(/[\u202f\u00a0\u2009]/g, ' ').replace(/,/g, '');

describe('format', () => {
  test.each([
    ['America/Los_Angeles', 'Sat 21 Nov', '20:00'],
    ['Europe/London', 'Sun 22 Nov', '04:00'],
    ['Asia/Tokyo', 'Sun 22 Nov', '13:00'],
    ['Asia/Kolkata', 'Sun 22 Nov', '09:30'],
    ['Australia/Lord_Howe', 'Sun 22 Nov', '15:00'],
    ['UTC', 'Sun 22 Nov', '04:00'],
  ])('%s', (zone, expectedDay, expectedTime) => {
    expect(plain(day(VEGAS, zone, 'en-GB'))).toBe(expectedDay);
    expect(time(VEGAS, zone, 'en-GB')).toBe(expectedTime);
  });

  test('the zone’s name is that of the instant, not of today', () => {
    expect(timeWithZone('2026-10-24T12:00:00Z', 'Europe/London', 'en-GB')).toBe('13:00 BST');
    expect(timeWithZone('2026-10-25T12:00:00Z', 'Europe/London', 'en-GB')).toBe('12:00 GMT');
  });

  test('follows the reader’s habit of hours', () => {
    expect(plain(time(VEGAS, 'America/New_York', 'en-US'))).toBe('11:00 PM');
  });

  test('days of one zone group, also over the year’s end', () => {
    expect(dayKey(VEGAS, 'America/Los_Angeles')).toBe('2026-11-21');
    expect(dayKey('2026-12-31T23:30:00Z', 'Asia/Tokyo')).toBe('2027-01-01');
  });

  test('a range of days', () => {
    const range = dayRange('2026-11-20T00:30:00Z', VEGAS, 'America/Los_Angeles', 'en-GB');
    expect(plain(range).replace(/\s*–\s*/, '–')).toBe('19–21 Nov');
  });

  test('a bare date stays that date', () => {
    expect(plain(dateOnly('2027-01-01', 'en-GB'))).toBe('Fri 1 Jan');
  });

  test.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [3 * 3_600_000, '3 h'],
    [47 * 3_600_000, '47 h'],
    [72 * 3_600_000, '3 d'],
    [-5_000, '0 s'],
  ])('a span of %d ms', (ms, expected) => expect(span(ms)).toBe(expected));

  test('how long ago, also for an instant slightly ahead', () => {
    const now = Date.parse(VEGAS);
    expect(ago(VEGAS, now + 3 * 3_600_000)).toBe('3 h ago');
    expect(ago(VEGAS, now - 1_000)).toBe('just now');
  });
});

describe('zone', () => {
  test.each([
    ['local', 'Asia/Tokyo', 'Europe/Berlin', 'Europe/Berlin'],
    ['track', 'Asia/Tokyo', 'Europe/Berlin', 'Asia/Tokyo'],
    ['utc', 'Asia/Tokyo', 'Europe/Berlin', 'UTC'],
    ['track', 'Not/AZone', 'Europe/Berlin', 'UTC'],
    ['track', '', 'Europe/Berlin', 'UTC'],
  ] as const)('%s of %s seen from %s', (choice, track, local, expected) => {
    expect(zoneFor(choice, track, local)).toBe(expected);
  });

  test('only known choices are read back', () => {
    expect(isZoneChoice('track')).toBe(true);
    expect(isZoneChoice('moon')).toBe(false);
    expect(isZoneChoice(null)).toBe(false);
  });
});

describe('countdown', () => {
  test.each([
    [90_061_000, { days: 1, hours: 1, minutes: 1, seconds: 1 }],
    [59_999, { days: 0, hours: 0, minutes: 0, seconds: 59 }],
    [0, { days: 0, hours: 0, minutes: 0, seconds: 0 }],
    [-10_000, { days: 0, hours: 0, minutes: 0, seconds: 0 }],
  ])('%d ms', (ms, expected) => expect(remaining(ms)).toEqual(expected));

  test.each([
    [2 * 86_400_000 + 4 * 3_600_000, '2 d 4 h'],
    [3 * 3_600_000 + 5 * 60_000, '3 h 5 min'],
    [13 * 60_000, '13 min'],
    [30_000, 'less than a minute'],
  ])('in short, %d ms', (ms, expected) => expect(shortRemaining(ms)).toBe(expected));

  test.each([
    [60, 'Race starts in 60 minutes.'],
    [10, 'Race starts in 10 minutes.'],
    [1, 'Race starts in 1 minute.'],
    [0, 'Race starts now.'],
  ])('is spoken once at %d minutes', (minutes, expected) => {
    const mark = minutes * 60_000;
    expect(spoken('Race', mark + 500, mark)).toBe(expected);
    expect(spoken('Race', mark, mark - 500)).toBeNull();
    expect(spoken('Race', mark + 2_000, mark + 1_000)).toBeNull();
  });
});

describe('clock offset', () => {
  const sent = Date.parse('2026-11-21T12:00:00.000Z');
  test.each([
    ['a device ten minutes late', '2026-11-21T12:10:00.100Z', 200, 600_000],
    ['a device ten minutes early', '2026-11-21T11:50:00.100Z', 200, -600_000],
    ['half the way there and back is taken off', '2026-11-21T12:10:02.000Z', 4_000, 600_000],
    ['a second’s rounding is not corrected for', '2026-11-21T12:00:01Z', 100, 0],
    ['an answer without a time', 'nonsense', 100, 0],
  ])('%s', (_, serverTime, roundTrip, expected) => {
    expect(clockOffset(serverTime, sent, sent + roundTrip)).toBe(expected);
  });
});
