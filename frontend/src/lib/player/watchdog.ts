// Tells a frozen picture from a slow start. Pure: samples in, verdict out.
//
// It exists because hls.js does not report a segment that never ends, a
// playlist that stopped advancing, or anything at all where the browser plays
// HLS by itself: the element's position is the only thing that always tells.

export interface Sample {
  now: number;
  /** The element's currentTime, in seconds. */
  position: number;
  /** Somebody wants it to play: it is not paused on purpose. */
  wanted: boolean;
  seeking: boolean;
  /** Grows whenever bytes of this stream arrive. */
  received: number;
}

export type Verdict = 'fine' | 'frozen';

/** A picture that moved and then stood still this long is frozen. */
export const FROZEN_MS = 6_000;
/** A start or a seek may take this long without anything arriving… */
export const START_MS = 10_000;
/** …and this long in all, while something trickles in. */
export const START_MAX_MS = 20_000;
// Samples further apart mean that the tab slept, not that the stream did.
const GAP_MS = 3_000;

export class Watchdog {
  #last: Sample | null = null;
  #moved = false;
  #since = 0;
  #receivedAt = 0;

  /** A new stream: what happened before does not count. */
  reset(): void {
    this.#last = null;
    this.#moved = false;
  }

  sample(sample: Sample): Verdict {
    const last = this.#last;
    this.#last = sample;
    if (last === null || !sample.wanted || sample.now - last.now > GAP_MS) {
      return this.#restart(sample.now);
    }
    if (sample.received !== last.received) this.#receivedAt = sample.now;
    if (sample.position !== last.position && !sample.seeking) {
      this.#moved = true;
      return this.#restart(sample.now);
    }
    const waited = sample.now - this.#since;
    if (this.#moved && !sample.seeking) return waited >= FROZEN_MS ? 'frozen' : 'fine';
    const silent = sample.now - this.#receivedAt;
    return silent >= START_MS || waited >= START_MAX_MS ? 'frozen' : 'fine';
  }

  #restart(now: number): Verdict {
    this.#since = now;
    this.#receivedAt = now;
    return 'fine';
  }
}
