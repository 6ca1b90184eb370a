import { expect, test } from 'vitest';
import { count, happened, left, outcome, shortDigest, size, stateOf } from './words';

test.each([
  ['layout_changed', 'The page has changed'],
  ['some_new_code', 'some new code'],
])('outcome %s', (code, expected) => expect(outcome(code)).toBe(expected));

test.each([
  ['held', 'Held'],
  ['disabled', 'Disabled'],
  ['half_dead', 'half dead'],
])('state %s', (state, expected) => expect(stateOf(state).word).toBe(expected));

test.each([
  ['rolled_back', 'Rolled back', 'warn'],
  ['breaker_open', 'Paused after faults', 'bad'],
  ['some_new_kind', 'some new kind', 'quiet'],
])('event %s', (kind, word, tone) => expect(happened(kind)).toEqual({ word, tone }));

test.each([
  ['sha256:0123456789abcdef', '0123456789ab'],
  ['0123456789abcdef', '0123456789ab'],
])('digest %s', (digest, expected) => expect(shortDigest(digest)).toBe(expected));

test.each([
  [512, '512 B'],
  [1536, '2 KiB'],
  [3 * 1024 * 1024 + 300_000, '3.3 MiB'],
])('size %d', (bytes, expected) => expect(size(bytes)).toBe(expected));

test.each([
  [0, '0 faults'],
  [1, '1 fault'],
  [2, '2 faults'],
])('count %d', (number, expected) => expect(count(number, 'fault')).toBe(expected));

test.each([
  [-5, '0 s'],
  [1, '1 s'],
  [59_000, '59 s'],
  [60_000, '1 min 00 s'],
  [185_000, '3 min 05 s'],
])('%d ms are left', (ms, expected) => expect(left(ms)).toBe(expected));
