// One polled answer of the host: what it last said, whether it still says
// something, and when. Polls only while somebody watches and the tab is seen.
// Keeps the last good data through every failure.

import { untrack } from 'svelte';
import { ApiError } from './api/error';

// The first retries after a failure come faster than the normal interval: the
// page must notice within ten seconds that the host went away, or came back.
const FIRST_RETRY_MS = 2_500;

export interface Timing {
  /** Read before each wait, so that it may change. */
  readonly intervalMs: number;
}

export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** Local time of the last good answer. */
  receivedAt = $state<number | null>(null);
  /** A request is under way. */
  busy = $state(false);

  #watchers = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | null = null;
  /** Changes when what is under way is no longer wanted. */
  #turn = 0;

  constructor(
    private readonly load: () => Promise<T>,
    private readonly timing: Timing,
  ) {}

  /** Nothing was ever received, and nothing has failed yet. */
  get loading(): boolean {
    return this.data === null && this.error === null;
  }

  /** There is data, but the newest request for it failed. */
  get outdated(): boolean {
    return this.data !== null && this.error !== null;
  }

  /** Poll until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) {
      document.addEventListener('visibilitychange', this.#onVisibility);
      // Untracked: an effect that watches must not run again for what is read here.
      untrack(this.#onVisibility);
    }
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) {
        document.removeEventListener('visibilitychange', this.#onVisibility);
        clearTimeout(this.#timer);
      }
    };
  }

  /** Ask now; calls that overlap share one request. */
  refresh(): Promise<void> {
    this.#running ??= this.#fetch().finally(() => {
      this.#running = null;
      this.#schedule();
    });
    return this.#running;
  }

  /** Ask after now: the answer of a request under way may be older than this call. */
  async renew(): Promise<void> {
    await this.#running;
    return this.refresh();
  }

  /** Also what is still on its way. */
  forget(): void {
    this.#turn += 1;
    this.data = null;
    this.error = null;
    this.receivedAt = null;
    this.#failures = 0;
  }

  async #fetch(): Promise<void> {
    clearTimeout(this.#timer);
    this.busy = true;
    const turn = this.#turn;
    try {
      const data = await this.load();
      if (turn !== this.#turn) return;
      this.data = data;
      this.receivedAt = Date.now();
      this.error = null;
      this.#failures = 0;
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.error = cause instanceof ApiError ? cause : new ApiError('invalid', null, String(cause));
      this.#failures += 1;
    } finally {
      this.busy = false;
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#watchers === 0 || document.visibilityState === 'hidden') return;
    this.#timer = setTimeout(
      () => void this.refresh(),
      delayAfter(this.#failures, this.timing.intervalMs),
    );
  }

  #onVisibility = (): void => {
    clearTimeout(this.#timer);
    if (document.visibilityState === 'hidden') return;
    const age = this.receivedAt === null ? Infinity : Date.now() - this.receivedAt;
    if (age >= this.timing.intervalMs || this.error !== null) void this.refresh();
    else this.#schedule();
  };
}

/** After failures: 2.5 s, 5 s, 10 s …, never slower than the normal interval. */
export function delayAfter(failures: number, intervalMs: number): number {
  if (failures === 0) return intervalMs;
  return Math.min(intervalMs, FIRST_RETRY_MS * 2 ** (failures - 1));
}
