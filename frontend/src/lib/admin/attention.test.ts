import { expect, test } from 'vitest';
import type { Plugin, SiteRun } from '../api/plugins';
import { aPlugin, aSite } from './a-plugin';
import { breakerOpen, needs } from './attention';
import { ungranted } from './grants';

const NOW = Date.parse('2026-11-22T04:00:00Z');
const HELD = { version: '2', digest: 'bb', since: '', hosts: [], secrets: [] };
const RUN: SiteRun = {
  started_at: '2026-11-22T03:59:00Z',
  duration_ms: 5,
  outcome: 'layout_changed',
  message: null,
  streams: 0,
  refused: [],
};
const failing = aSite({ failing_since: '2026-11-22T03:00:00Z', last_run: RUN });
const open = { open_until: '2026-11-22T04:00:10Z', faults: 5 };

test.each<[string, Partial<Plugin>, string | null]>([
  ['good', {}, null],
  ['missing', { state: 'missing' }, 'its file is missing'],
  ['refused', { state: 'refused' }, 'no version of it works'],
  ['breaker', { breaker: open }, 'paused after faults'],
  ['breaker that has closed', { breaker: { ...open, open_until: '2026-11-22T03:00:00Z' } }, null],
  ['failing site', { sites: [failing] }, 'its site is failing: the page has changed'],
  [
    'failing site of another name',
    { sites: [{ ...failing, key: 'mirror' }] },
    'site mirror is failing: the page has changed',
  ],
  ['two failing sites', { sites: [failing, failing] }, '2 sites are failing'],
  ['site turned off', { sites: [{ ...failing, enabled: false }] }, null],
  ['refused site file', { sites: [aSite({ error: 'no' })] }, 'the file of its site was refused'],
  ['held', { state: 'held', held: HELD }, 'a version waits for approval'],
  [
    'held and failing',
    { held: HELD, sites: [failing] },
    'its site is failing: the page has changed',
  ],
  ['disabled', { state: 'disabled', sites: [failing], breaker: open }, null],
])('%s', (_, more, expected) => {
  expect(needs([aPlugin(more)], NOW).map(({ why }) => why)).toEqual(expected ? [expected] : []);
});

test('an open breaker closes by the clock', () => {
  const plugin = aPlugin({ breaker: open });
  expect(breakerOpen(plugin, NOW + 9_999)).toBe(true);
  expect(breakerOpen(plugin, NOW + 10_000)).toBe(false);
});

test.each([
  [['a', 'b'], ['a'], ['b']],
  [['a'], ['a', 'c'], []],
  [['*', 'a'], ['b'], ['a']],
  [['*'], [], []],
])('asked %j, granted %j: not granted %j', (asked, granted, expected) => {
  expect(ungranted(asked, aSite({ granted }))).toEqual(expected);
});
