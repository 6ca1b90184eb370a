// The page's clock: the host's time, once a second, on the second.

import { untrack } from 'svelte';

class Clock {
  /** Add to the device's time to get the host's. */
  offset = $state(0);
  #device = $state(Date.now());
  #watchers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The host's time in milliseconds; changes once a second while watched. */
  get now(): number {
    return this.#device + this.offset;
  }

  watch(): () => void {
    this.#watchers += 1;
    // Untracked: an effect that watches must not run again for what is read here.
    if (this.#watchers === 1) untrack(this.#tick);
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) clearTimeout(this.#timer);
    };
  }

  #tick = (): void => {
    this.#device = Date.now();
    const intoSecond = (((this.#device + this.offset) % 1000) + 1000) % 1000;
    // A little past the second: timers may fire early, and a countdown that
    // skips or repeats a second is seen.
    this.#timer = setTimeout(this.#tick, 1000 - intoSecond + 5);
  };
}

export const clock = new Clock();
