import { expect, test } from 'vitest';
import { trace } from './trace';

const FRAMES = `error while executing at wasm backtrace:
    0: 0x2f1c - site_b::page::token
    1: 0x5a07 - site_b::extract`;

test.each([
  ['no element matches #player', 'no element matches #player', null],
  ['first\nsecond\n  third', 'first', 'second\n  third'],
  ['', '', null],
])('%j', (message, headline, rest) => expect(trace(message)).toEqual({ headline, rest }));

test('the cause comes before the backtrace, and nothing is lost', () => {
  const message = `${FRAMES}\n\nCaused by:\n    wasm trap: unreachable`;
  expect(trace(message)).toEqual({ headline: 'wasm trap: unreachable', rest: message });
});

test('numbered causes lose their number', () => {
  const message = `${FRAMES}\n\nCaused by:\n    0: out of fuel\n    1: more`;
  expect(trace(message).headline).toBe('out of fuel');
});

test('what is said before the backtrace stays in front', () => {
  expect(trace(`describe: the guest trapped: ${FRAMES}`).headline).toBe(
    'describe: the guest trapped',
  );
});

test('a backtrace alone is its own headline', () => {
  expect(trace(FRAMES)).toEqual({
    headline: 'error while executing at wasm backtrace:',
    rest: FRAMES,
  });
});
