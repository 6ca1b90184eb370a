import { expect, test } from 'vitest';
import { command, type Command, type Focus, type Pressed } from './keys';

const PLAIN: Omit<Pressed, 'key'> = {
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
};

test.each<[string, Focus, Partial<Pressed>, Command | null]>([
  ['k', 'page', {}, { do: 'play' }],
  ['K', 'page', {}, { do: 'play' }],
  [' ', 'page', {}, { do: 'play' }],
  [' ', 'control', {}, null],
  ['m', 'control', {}, { do: 'mute' }],
  ['m', 'field', {}, null],
  ['f', 'page', {}, { do: 'fullscreen' }],
  ['f', 'page', { ctrlKey: true }, null],
  ['l', 'page', { metaKey: true }, null],
  ['l', 'page', {}, { do: 'live' }],
  ['n', 'page', {}, { do: 'next' }],
  ['n', 'page', { repeat: true }, null],
  ['p', 'page', { altKey: true }, null],
  ['p', 'page', {}, { do: 'previous' }],
  ['1', 'page', {}, { do: 'pick', index: 0 }],
  ['9', 'page', {}, { do: 'pick', index: 8 }],
  ['0', 'page', {}, null],
  ['?', 'page', {}, { do: 'help' }],
  ['Escape', 'page', {}, null],
])('%j on a %s', (key, focus, more, expected) => {
  expect(command({ key, ...PLAIN, ...more }, focus)).toEqual(expected);
});
