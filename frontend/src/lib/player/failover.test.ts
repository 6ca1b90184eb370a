import { describe, expect, test } from 'vitest';
import { Failover, type Candidate, type Failure, type Move } from './failover';

const LIST: Candidate[] = [
  { id: 'a', playable: true },
  { id: 'b', playable: true },
  { id: 'protected', playable: false },
  { id: 'c', playable: true },
];
const ALONE: Candidate[] = [{ id: 'a', playable: true }];

function fail(
  failover: Failover,
  id: string,
  failure: Failure = 'network',
  more: { list?: Candidate[]; buffered?: number; now?: number } = {},
): Move {
  const { list = LIST, buffered = 0, now = 0 } = more;
  return failover.failed(list, { id, failure, buffered, now });
}

const play = (id: string): Move => ({ do: 'play', id });
const GIVE_UP: Move = { do: 'give_up' };
const RECOVER: Move = { do: 'recover' };

describe('the first stream', () => {
  test.each([
    ['the best', null, LIST, 'a'],
    ['the one asked for', 'c', LIST, 'c'],
    ['the best when the one asked for is gone', 'gone', LIST, 'a'],
    ['the best when the one asked for cannot be played', 'protected', LIST, 'a'],
    ['none when none can be played', null, [{ id: 'x', playable: false }], null],
    ['none when there is none', 'a', [], null],
  ])('%s', (_, wanted, list, expected) => {
    expect(new Failover().choose(list, wanted)).toBe(expected);
  });
});

describe('a failure', () => {
  test.each<[Failure, number, Move]>([
    ['network', 0, play('b')],
    ['network', 20, play('b')],
    ['ended', 0, play('b')],
    ['frozen', 0, play('b')],
    ['frozen', 4, RECOVER],
    ['media', 0, RECOVER],
  ])('%s with %d s buffered', (failure, buffered, expected) => {
    expect(fail(new Failover(), 'a', failure, { buffered })).toEqual(expected);
  });

  test('a decoder gets one fresh start a round, then the next stream plays', () => {
    const failover = new Failover();
    expect(fail(failover, 'a', 'media')).toEqual(RECOVER);
    expect(fail(failover, 'a', 'media')).toEqual(play('b'));
  });

  test('the best other stream is next, wherever the failed one stood', () => {
    expect(fail(new Failover(), 'c')).toEqual(play('a'));
  });

  test('a stream that is not listed any more fails over too', () => {
    expect(fail(new Failover(), 'gone')).toEqual(play('a'));
  });
});

describe('a round', () => {
  test('goes through every playable stream once, then gives up', () => {
    const failover = new Failover();
    expect(fail(failover, 'a')).toEqual(play('b'));
    expect(fail(failover, 'b')).toEqual(play('c'));
    expect(fail(failover, 'c')).toEqual(GIVE_UP);
  });

  test('the only stream gets a second attempt, not a third', () => {
    const failover = new Failover();
    expect(fail(failover, 'a', 'ended', { list: ALONE })).toEqual(play('a'));
    expect(fail(failover, 'a', 'ended', { list: ALONE })).toEqual(GIVE_UP);
  });

  test('an empty list is the end', () => {
    expect(fail(new Failover(), 'a', 'network', { list: [] })).toEqual(GIVE_UP);
  });

  test('begins anew after steady playback', () => {
    const failover = new Failover();
    fail(failover, 'a');
    fail(failover, 'b');
    failover.endRound();
    expect(fail(failover, 'c', 'network', { now: 120_000 })).toEqual(play('a'));
  });

  test('after giving up only a stream that was not tried counts as new', () => {
    const failover = new Failover();
    for (const id of ['a', 'b', 'c']) fail(failover, id);
    expect(failover.newcomer(LIST, 0)).toBeNull();
    expect(failover.newcomer([...LIST, { id: 'd', playable: true }], 0)).toBe('d');
  });
});

describe('rest', () => {
  test('a stream that failed lately is not the next choice', () => {
    const failover = new Failover();
    fail(failover, 'a', 'network', { now: 0 });
    failover.endRound();
    expect(fail(failover, 'b', 'network', { now: 10_000 })).toEqual(play('c'));
  });

  test('but it is chosen when there is nothing else', () => {
    const failover = new Failover();
    const two = LIST.slice(0, 2);
    fail(failover, 'a', 'network', { list: two, now: 0 });
    failover.endRound();
    expect(fail(failover, 'b', 'network', { list: two, now: 10_000 })).toEqual(play('a'));
  });

  test('grows with each failure', () => {
    const failover = new Failover();
    fail(failover, 'a', 'network', { now: 0 });
    failover.endRound();
    fail(failover, 'a', 'network', { now: 40_000 });
    failover.endRound();
    // The first rest would be over at 70 s, the second lasts until 100 s.
    expect(fail(failover, 'b', 'network', { now: 90_000 })).toEqual(play('c'));
    failover.endRound();
    expect(fail(failover, 'c', 'network', { now: 101_000 })).toEqual(play('a'));
  });
});
