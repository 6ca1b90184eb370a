import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Live, backOff } from './live.svelte';

/** A connection that the test feeds, and that ends with its signal. */
class Connection {
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly body: ReadableStream<Uint8Array>;

  constructor(readonly signal: AbortSignal) {
    this.body = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
    signal.addEventListener('abort', () => {
      try {
        this.#controller.error(signal.reason);
      } catch {
        // It was over before.
      }
    });
  }

  say(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller.close();
  }
}

class Tab extends EventTarget {
  visibilityState = 'visible';

  turn(state: 'visible' | 'hidden'): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

let tab: Tab;
let connections: Connection[];
let refusals: number;
const onevent = vi.fn();
const onchange = vi.fn();

function live(): Live {
  return new Live({
    onevent,
    onchange,
    open: async (signal) => {
      if (refusals > 0) {
        refusals -= 1;
        throw new Error('refused');
      }
      const connection = new Connection(signal);
      connections.push(connection);
      return connection.body;
    },
  });
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  tab = new Tab();
  vi.stubGlobal('document', tab);
  connections = [];
  refusals = 0;
  onevent.mockClear();
  onchange.mockClear();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('connects, hands events on, and ends when nobody looks', async () => {
  const following = live();
  expect(following.state).toBe('off');
  const stop = following.follow();
  expect(following.state).toBe('connecting');
  await pass(0);
  expect(following.state).toBe('live');
  expect(onchange).toHaveBeenCalledTimes(1);
  connections[0]?.say('event: plugins\ndata: {"key":"site-a"}\n\n');
  await pass(0);
  expect(onevent).toHaveBeenCalledWith({ event: 'plugins', data: '{"key":"site-a"}' });
  stop();
  await pass(0);
  expect(following.state).toBe('off');
  expect(connections[0]?.signal.aborted).toBe(true);
  await pass(600_000);
  expect(connections).toHaveLength(1);
});

describe('a connection that is lost', () => {
  test('comes back, and says both times that something may have been missed', async () => {
    const following = live();
    following.follow();
    await pass(10_000);
    connections[0]?.end();
    await pass(0);
    expect(following.state).toBe('reconnecting');
    expect(onchange).toHaveBeenCalledTimes(2);
    await pass(1_000);
    expect(following.state).toBe('live');
    expect(connections).toHaveLength(2);
    expect(onchange).toHaveBeenCalledTimes(3);
  });

  test('is given up after silence, not while comments come', async () => {
    const following = live();
    following.follow();
    for (let i = 0; i < 6; i += 1) {
      await pass(15_000);
      connections[0]?.say(': still here\n\n');
    }
    await pass(34_000);
    expect(following.state).toBe('live');
    await pass(2_000);
    expect(connections[0]?.signal.aborted).toBe(true);
    await pass(1_000);
    expect(connections).toHaveLength(2);
  });

  test('that never lasts is tried more and more slowly', async () => {
    const following = live();
    following.follow();
    for (const wait of [1_000, 2_000, 4_000]) {
      await pass(0);
      connections.at(-1)?.end();
      await pass(wait - 1);
      expect(following.state).toBe('reconnecting');
      await pass(1);
      expect(following.state).toBe('live');
    }
  });

  test('with an event that is none of ours is like any other', async () => {
    const following = live();
    following.follow();
    await pass(0);
    connections[0]?.say('x'.repeat(100_000));
    await pass(0);
    expect(following.state).toBe('reconnecting');
    expect(connections[0]?.signal.aborted).toBe(true);
  });
});

test('that cannot be had becomes polling, and is still tried', async () => {
  refusals = 5;
  const following = live();
  following.follow();
  await pass(1_000 + 2_000);
  expect(following.state).toBe('reconnecting');
  await pass(4_000);
  expect(following.state).toBe('polling');
  await pass(8_000 + 16_000);
  expect(following.state).toBe('live');
});

test('a host that takes the connection and says nothing at all is not waited for', async () => {
  const signals: AbortSignal[] = [];
  const following = new Live({
    onevent,
    onchange,
    open: (signal) => {
      signals.push(signal);
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('aborted'))),
      );
    },
  });
  following.follow();
  await pass(8_000);
  expect(signals[0]?.aborted).toBe(true);
  expect(following.state).toBe('reconnecting');
});

test('a hidden tab holds no connection; seen again, it has one', async () => {
  const following = live();
  following.follow();
  await pass(0);
  tab.turn('hidden');
  await pass(60_000);
  expect(connections).toHaveLength(1);
  expect(connections[0]?.signal.aborted).toBe(true);
  tab.turn('visible');
  await pass(0);
  expect(following.state).toBe('live');
});

test.each([
  [1, 1_000],
  [2, 2_000],
  [5, 16_000],
  [6, 30_000],
  [60, 30_000],
])('after %d failures it waits %d ms', (failures, expected) => {
  expect(backOff(failures)).toBe(expected);
});
