import { expect, test } from 'vitest';
import { outcome, shortDigest, size } from './words';

test.each([
  ['layout_changed', 'The page has changed'],
  ['some_new_code', 'some new code'],
])('outcome %s', (code, expected) => expect(outcome(code)).toBe(expected));

test.each([
  ['sha256:0123456789abcdef', '0123456789ab'],
  ['0123456789abcdef', '0123456789ab'],
])('digest %s', (digest, expected) => expect(shortDigest(digest)).toBe(expected));

test.each([
  [512, '512 B'],
  [1536, '2 KiB'],
  [3 * 1024 * 1024 + 300_000, '3.3 MiB'],
])('size %d', (bytes, expected) => expect(size(bytes)).toBe(expected));
