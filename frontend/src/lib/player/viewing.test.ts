import { expect, test } from 'vitest';
import type { Stream } from '../api/types';
import { STEADY_MS } from './failover';
import { Viewing } from './viewing.svelte';

function stream(id: string, playable = true): Stream {
  return {
    id,
    site: 'site',
    label: `Feed ${id}`,
    language: null,
    quality: null,
    state: 'up',
    health: { level: 3, checked_at: null, latency_ms: null, reason: null },
    protection: 'none',
    playable,
    play_url: `/streams/${id}/master.m3u8`,
    rank: 1,
  };
}

const LIST = [stream('a'), stream('b', false), stream('c')];

function failing(viewing: Viewing, id: string, now = 0): boolean {
  return viewing.failed({ id, failure: 'frozen', why: 'It froze.', buffered: 0 }, now);
}

test('starts the best stream, silently, and only once', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  const first = viewing.attempt;
  expect(first).toMatchObject({ id: 'a', url: '/streams/a/master.m3u8', chosen: true });
  expect(viewing.notice).toBe('');
  viewing.listed([stream('z'), ...LIST], null, 10_000);
  expect(viewing.attempt).toBe(first);
});

test('says so when the stream asked for is not there', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, 'gone', 0);
  expect(viewing.attempt?.id).toBe('a');
  expect(viewing.notice).toContain('not available');
});

test('next and previous go round the playable ones', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  expect(viewing.neighbour(1)).toBe('c');
  expect(viewing.neighbour(-1)).toBe('c');
  viewing.pick('c');
  expect(viewing.neighbour(1)).toBe('a');
});

test('a stream that cannot be played is not picked', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  viewing.pick('b');
  expect(viewing.attempt?.id).toBe('a');
});

test('switches with a word, and does not count as the viewer’s choice', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  expect(failing(viewing, 'a')).toBe(false);
  expect(viewing.attempt).toMatchObject({ id: 'c', chosen: false });
  expect(viewing.notice).toBe('Feed a froze. Switched to Feed c.');
});

test('a late word of a stream that is no longer played changes nothing', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  viewing.pick('c');
  const attempt = viewing.attempt;
  expect(failing(viewing, 'a')).toBe(false);
  expect(viewing.attempt).toBe(attempt);
});

test('gives up after a round, stays so, and a new stream or Retry begins again', () => {
  const viewing = new Viewing();
  viewing.listed(LIST, null, 0);
  failing(viewing, 'a');
  failing(viewing, 'c');
  expect(viewing.gaveUp).toBe('It froze.');
  viewing.listed(LIST, null, 1_000);
  expect(viewing.gaveUp).toBe('It froze.');
  viewing.listed([...LIST, stream('d')], null, 2_000);
  expect(viewing.gaveUp).toBeNull();
  expect(viewing.attempt?.id).toBe('d');

  failing(viewing, 'd', 3_000);
  expect(viewing.gaveUp).not.toBeNull();
  viewing.retry();
  expect(viewing.gaveUp).toBeNull();
});

test('after giving up, streams that vanish and come back play by themselves', () => {
  const viewing = new Viewing();
  const alone = [stream('a')];
  viewing.listed(alone, null, 0);
  failing(viewing, 'a');
  failing(viewing, 'a');
  expect(viewing.gaveUp).not.toBeNull();
  viewing.listed([], null, 1_000);
  expect(viewing.attempt).toBeNull();
  viewing.listed(alone, null, 2_000);
  expect(viewing.attempt?.id).toBe('a');
  expect(viewing.gaveUp).toBeNull();
});

test('steady playback forgives, a short one does not', () => {
  const after = (playedMs: number) => {
    const viewing = new Viewing();
    viewing.listed(LIST, null, 0);
    failing(viewing, 'a', 0);
    viewing.moved(1_000);
    viewing.moved(1_000 + playedMs);
    failing(viewing, 'c', 1_000 + playedMs);
    return viewing.gaveUp;
  };
  expect(after(STEADY_MS - 1_000)).not.toBeNull();
  expect(after(STEADY_MS)).toBeNull();
});
