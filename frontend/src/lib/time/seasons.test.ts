import { describe, expect, test } from 'vitest';
import { dateOnly, day, dayKey, time } from './format';

// When each session of six seasons is where five viewers live, as Python has it: the
// host is held to the same files.
const FILES = import.meta.glob<string>('../../../../host/src/schedule/tests/seasons/*.zones.txt', {
  query: '?raw',
  import: 'default',
  eager: true,
});

// Versions of the locale data differ in commas, and in how short September is.
const plain = (text: string) => text.replace(/,/g, '').replace('Sept', 'Sep');
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** "Sat 2026-11-21 20:00" as the page writes it, and as it groups by. */
function parts(text: string) {
  const [weekday, date = '', clock] = text.split(' ');
  const [, month = 0, ofMonth] = date.split('-').map(Number);
  return { date, clock, day: `${weekday} ${ofMonth} ${MONTHS[month - 1]}` };
}

test('six seasons are there', () => expect(Object.keys(FILES)).toHaveLength(6));

describe.each(Object.entries(FILES))('%s', (_, text) => {
  const [heading = '', ...lines] = text.trimEnd().split('\n');
  const zones = heading.split(' | ').slice(1);
  const rows = lines.map((line) => line.split(' | '));
  const timed = rows.filter((row) => row.length === zones.length + 1);
  const dated = rows.filter((row) => row.length === 2);

  test('every line is read', () => {
    expect(zones).toHaveLength(6);
    expect(timed.length + dated.length).toBe(rows.length);
  });

  test.each(zones.map((zone, column) => ({ zone, column })))('$zone', ({ zone, column }) => {
    for (const [id, ...times] of timed) {
      const utc = parts(times[0] ?? '');
      const at = `${utc.date}T${utc.clock}:00Z`;
      const shown = {
        date: dayKey(at, zone),
        clock: time(at, zone, 'en-GB'),
        day: plain(day(at, zone, 'en-GB')),
      };
      expect(shown, id).toEqual(parts(times[column] ?? ''));
    }
  });

  test('a day without a time is that day', () => {
    for (const [id, text = ''] of dated) {
      const { date, day } = parts(text);
      expect(plain(dateOnly(date, 'en-GB')), id).toBe(day);
    }
  });
});
