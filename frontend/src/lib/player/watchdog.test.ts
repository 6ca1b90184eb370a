import { describe, expect, test } from 'vitest';
import { FROZEN_MS, START_MAX_MS, START_MS, Watchdog, type Sample } from './watchdog';

const IDLE: Omit<Sample, 'now'> = { position: 0, wanted: true, seeking: false, received: 0 };

/** The first moment, in whole seconds, at which a fresh watchdog says frozen. */
function frozenAt(seconds: number, at: (second: number) => Partial<Sample>): number | null {
  const watchdog = new Watchdog();
  for (let second = 0; second <= seconds; second += 1) {
    const sample = { ...IDLE, now: second * 1000, ...at(second) };
    if (watchdog.sample(sample) === 'frozen') return second;
  }
  return null;
}

const cases: [string, (second: number) => Partial<Sample>, number | null][] = [
  ['a playing stream is fine', (s) => ({ position: s }), null],
  ['a picture that stops at 5 s', (s) => ({ position: Math.min(s, 5) }), 5 + FROZEN_MS / 1000],
  [
    'bytes still arriving do not excuse a frozen picture',
    (s) => ({ position: Math.min(s, 5), received: s }),
    5 + FROZEN_MS / 1000,
  ],
  ['a start that hears nothing', () => ({}), START_MS / 1000],
  ['a start that trickles', (s) => ({ received: s }), START_MAX_MS / 1000],
  ['a slow start that arrives', (s) => ({ position: Math.max(0, s - 9) }), null],
  ['paused on purpose', (s) => ({ position: Math.min(s, 5), wanted: s < 6 }), null],
  [
    'played on after a pause, and frozen then',
    (s) => ({ position: Math.min(s, 2), wanted: s < 4 || s > 12 }),
    12 + FROZEN_MS / 1000,
  ],
  [
    'a seek may take as long as a start',
    (s) => ({ position: Math.min(s, 5), seeking: s > 5 }),
    5 + START_MS / 1000,
  ],
];

describe('watchdog', () => {
  test.each(cases)('%s', (_, at, expected) => {
    expect(frozenAt(60, at)).toBe(expected);
  });

  test('a tab that slept is no frozen stream', () => {
    const watchdog = new Watchdog();
    watchdog.sample({ ...IDLE, now: 0, position: 1 });
    watchdog.sample({ ...IDLE, now: 1_000, position: 2 });
    expect(watchdog.sample({ ...IDLE, now: 61_000, position: 2 })).toBe('fine');
    expect(watchdog.sample({ ...IDLE, now: 62_000, position: 2 })).toBe('fine');
  });

  test('after a reset the next stream has the time of a start', () => {
    const watchdog = new Watchdog();
    for (let s = 0; s < 5; s += 1) watchdog.sample({ ...IDLE, now: s * 1000, position: s });
    watchdog.reset();
    for (let s = 5; s < 14; s += 1) {
      expect(watchdog.sample({ ...IDLE, now: s * 1000 })).toBe('fine');
    }
  });
});
