import { expect, test } from 'vitest';

import type { ScheduleSource } from '../api/types';
import { silent } from './sources';

const source = (name: string, fetched_at: string | null): ScheduleSource => ({
  name,
  fetched_at,
  error: null,
});

function schedule(stale: boolean, sources: ScheduleSource[]) {
  return { season: 2026, server_time: '', fetched_at: null, stale, sources, events: [] };
}

test('names who has been silent longest, and nobody who never spoke', () => {
  const sources = [
    source('jolpica', '2026-06-03T02:00:00+02:00'),
    source('openf1', '2026-06-03T01:00:00Z'),
    source('store', null),
  ];
  expect(silent(schedule(true, sources))).toEqual({
    name: 'Jolpica',
    since: '2026-06-03T02:00:00+02:00',
  });
  expect(silent(schedule(false, sources))).toBeNull();
  expect(silent(schedule(true, [source('jolpica', null)]))).toBeNull();
  expect(silent(schedule(true, [source('other', '2026-06-03T01:00:00Z')]))?.name).toBe('other');
});
