// Follows the host's event stream while somebody looks: connects, notices that
// it broke or fell silent, and comes back, more slowly each time. What it
// brings only says that there is news; the news itself is asked for.

import { readEvents, type ServerEvent } from '../api/sse';

export type LiveState =
  | 'off'
  | 'connecting'
  | 'live'
  | 'reconnecting' // it was lost a moment ago
  | 'polling'; // it cannot be had; the page asks at intervals

interface Ends {
  open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  onevent: (event: ServerEvent) => void;
  /** Connected or lost: either way something may have been missed. */
  onchange: () => void;
}

const CONNECT_MS = 8_000;
// The host says something every 15 s; twice missed is gone.
const SILENCE_MS = 35_000;
// A connection that ends sooner counts as one that failed.
const STEADY_MS = 5_000;
// So many failures in a row, and the page says that it polls.
const PATIENCE = 3;

export class Live {
  state = $state<LiveState>('off');
  #failures = 0;
  #stop: AbortController | null = null;
  #hurry: (() => void) | null = null;

  constructor(private readonly ends: Ends) {}

  /** Stays connected until the returned function is called. */
  follow(): () => void {
    document.addEventListener('visibilitychange', this.#onVisibility);
    globalThis.addEventListener?.('online', this.#onOnline);
    this.#onVisibility();
    return () => {
      document.removeEventListener('visibilitychange', this.#onVisibility);
      globalThis.removeEventListener?.('online', this.#onOnline);
      this.#end();
    };
  }

  // A tab that nobody sees holds no connection of the host's.
  #onVisibility = (): void => {
    if (document.visibilityState === 'hidden') this.#end();
    else if (this.#stop === null) {
      this.#stop = new AbortController();
      this.state = 'connecting';
      this.#failures = 0;
      void this.#run(this.#stop.signal);
    }
  };

  #onOnline = (): void => this.#hurry?.();

  #end(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.state = 'off';
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      let steady = false;
      try {
        const since = await this.#connect(stop);
        steady = Date.now() - since >= STEADY_MS;
      } catch {
        // Whatever it was: it is tried again.
      }
      if (stop.aborted) return;
      this.#failures = steady ? 1 : this.#failures + 1;
      this.state = this.#failures > PATIENCE ? 'polling' : 'reconnecting';
      this.ends.onchange();
      await this.#pause(backOff(this.#failures), stop);
    }
  }

  /** Resolves when an open stream ended, with the time at which it began. */
  async #connect(stop: AbortSignal): Promise<number> {
    const connection = new AbortController();
    const end = (): void => connection.abort();
    stop.addEventListener('abort', end);
    let silence = setTimeout(end, CONNECT_MS);
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
    };
    try {
      const body = await this.ends.open(connection.signal);
      const since = Date.now();
      heard();
      this.state = 'live';
      this.ends.onchange();
      await readEvents(body, heard, this.ends.onevent).catch(() => {});
      return since;
    } finally {
      clearTimeout(silence);
      connection.abort();
      stop.removeEventListener('abort', end);
    }
  }

  #pause(ms: number, stop: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        stop.removeEventListener('abort', over);
        this.#hurry = null;
        resolve();
      };
      const timer = setTimeout(over, ms);
      stop.addEventListener('abort', over);
      this.#hurry = over;
    });
  }
}

/** After 1, 2, 3 … failures: 1 s, 2 s, 4 s … up to 30 s. */
export function backOff(failures: number): number {
  return Math.min(30_000, 1_000 * 2 ** (failures - 1));
}
