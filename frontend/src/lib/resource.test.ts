import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from './api/error';
import { Resource, delayAfter } from './resource.svelte';

const INTERVAL = 60_000;

class Tab extends EventTarget {
  visibilityState = 'visible';

  turn(state: 'visible' | 'hidden'): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

let tab: Tab;

beforeEach(() => {
  vi.useFakeTimers();
  tab = new Tab();
  vi.stubGlobal('document', tab);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = () => vi.advanceTimersByTimeAsync(0);

test('polls while watched, and not after', async () => {
  const load = vi.fn(async () => 'answer');
  const resource = new Resource(load, { intervalMs: INTERVAL });
  const stop = resource.watch();
  await settle();
  expect(resource.data).toBe('answer');
  await vi.advanceTimersByTimeAsync(INTERVAL);
  expect(load).toHaveBeenCalledTimes(2);
  stop();
  await vi.advanceTimersByTimeAsync(10 * INTERVAL);
  expect(load).toHaveBeenCalledTimes(2);
});

test('a hidden tab asks nothing; seen again, it asks if what it has is old', async () => {
  const load = vi.fn(async () => 'answer');
  const resource = new Resource(load, { intervalMs: INTERVAL });
  resource.watch();
  await settle();
  tab.turn('hidden');
  await vi.advanceTimersByTimeAsync(INTERVAL / 2);
  tab.turn('visible');
  await settle();
  expect(load).toHaveBeenCalledTimes(1);
  tab.turn('hidden');
  await vi.advanceTimersByTimeAsync(10 * INTERVAL);
  expect(load).toHaveBeenCalledTimes(1);
  tab.turn('visible');
  await settle();
  expect(load).toHaveBeenCalledTimes(2);
});

test('an answer that comes while hidden starts no polling', async () => {
  const load = vi.fn(async () => 'answer');
  const resource = new Resource(load, { intervalMs: INTERVAL });
  resource.watch();
  tab.turn('hidden');
  await vi.advanceTimersByTimeAsync(10 * INTERVAL);
  expect(load).toHaveBeenCalledTimes(1);
});

test('keeps the last good answer through failures, and drops the error after one', async () => {
  const gone = new ApiError('unreachable', null, 'gone');
  const load = vi.fn(async () => 'answer');
  const resource = new Resource(load, { intervalMs: INTERVAL });
  resource.watch();
  await settle();
  load.mockRejectedValueOnce(gone);
  await resource.refresh();
  expect(resource.data).toBe('answer');
  expect(resource.error).toBe(gone);
  expect(resource.outdated).toBe(true);
  await vi.advanceTimersByTimeAsync(delayAfter(1, INTERVAL));
  expect(resource.error).toBeNull();
});

test('calls that overlap share one request', async () => {
  const load = vi.fn(async () => 'answer');
  const resource = new Resource(load, { intervalMs: INTERVAL });
  await Promise.all([resource.refresh(), resource.refresh()]);
  expect(load).toHaveBeenCalledTimes(1);
});

test('what is forgotten does not come back with an answer that was on its way', async () => {
  let answer: (value: string) => void = () => {};
  const resource = new Resource(() => new Promise<string>((resolve) => (answer = resolve)), {
    intervalMs: INTERVAL,
  });
  const asking = resource.refresh();
  resource.forget();
  answer('of before');
  await asking;
  expect(resource.data).toBeNull();
  expect(resource.loading).toBe(true);
});

test('an exception that is no ApiError is still an error, not a crash', async () => {
  const resource = new Resource(() => Promise.reject(new Error('odd')), { intervalMs: INTERVAL });
  await resource.refresh();
  expect(resource.error?.kind).toBe('invalid');
});

test.each([
  [0, 60_000, 60_000],
  [1, 60_000, 2_500],
  [2, 60_000, 5_000],
  [3, 60_000, 10_000],
  [9, 60_000, 60_000],
  [1, 2_000, 2_000],
])('after %d failures of an interval of %d ms: %d ms', (failures, interval, expected) => {
  expect(delayAfter(failures, interval)).toBe(expected);
});

test('a renewed answer is one that was asked for afterwards', async () => {
  const answers: ((value: string) => void)[] = [];
  const load = vi.fn(() => new Promise<string>((resolve) => answers.push(resolve)));
  const resource = new Resource(load, { intervalMs: INTERVAL });
  void resource.refresh();
  const renewed = [resource.renew(), resource.renew()];
  answers[0]?.('before');
  await settle();
  expect(load).toHaveBeenCalledTimes(2);
  answers[1]?.('after');
  await Promise.all(renewed);
  expect(resource.data).toBe('after');
  expect(load).toHaveBeenCalledTimes(2);
});
