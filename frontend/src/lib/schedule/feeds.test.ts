import { expect, test } from 'vitest';
import { feed, KINDS, webcal } from './feeds';

const ALL = KINDS.map(([kind]) => kind);

test('a feed is beside the page, whatever stands before it', () => {
  expect(feed('schedule.ics', 'https://tv.example/f1/?x=1#y', false, ALL)).toBe(
    'https://tv.example/f1/schedule.ics',
  );
  expect(feed('playlist.m3u', 'http://127.0.0.1:8080/', true)).toBe(
    'http://127.0.0.1:8080/t/TOKEN/playlist.m3u',
  );
});

test('what is chosen stands in it', () => {
  expect(feed('schedule.ics', 'https://tv.example/', false, ['race', 'quali'], '15')).toBe(
    'https://tv.example/schedule.ics?sessions=race,quali&alarm=15',
  );
});

test('a calendar opens it', () => {
  expect(webcal('https://tv.example/schedule.ics')).toBe('webcal://tv.example/schedule.ics');
});
