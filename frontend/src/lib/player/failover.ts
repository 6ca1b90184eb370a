// What to do when a stream fails. Pure: no element, no timer, no network.
//
// A round goes through every playable stream at most once and then gives up,
// so that dead streams never make a loop. A stream that failed rests for a
// while, longer each time, so that a flapping one is not the next choice.

export type Failure =
  | 'media' // the decoder gave up
  | 'network' // playlist or segments cannot be had
  | 'frozen' // the position stands still
  | 'ended'; // a live stream said that it is over

export type Move =
  | { do: 'recover' } // the same stream, a fresh decoder
  | { do: 'play'; id: string }
  | { do: 'give_up' };

export interface Candidate {
  id: string;
  playable: boolean;
}

export interface FailedStream {
  id: string;
  failure: Failure;
  /** Seconds of media ahead of the position that it stopped at. */
  buffered: number;
  now: number;
}

/** Playing this long without trouble ends a round. */
export const STEADY_MS = 30_000;
const REST_MS = 30_000;
const REST_MAX_MS = 300_000;
// Standing still with media ahead is the decoder's trouble, not the network's.
const STUCK_WITH_SECONDS = 1;

interface Rest {
  until: number;
  times: number;
}

export class Failover {
  #tried = new Set<string>();
  #recovered = new Set<string>();
  #reloaded = new Set<string>();
  #resting = new Map<string, Rest>();

  /** The first stream: the one asked for if it can be played, else the best. */
  choose(list: readonly Candidate[], wanted: string | null): string | null {
    const playable = list.filter((stream) => stream.playable);
    const asked = playable.find((stream) => stream.id === wanted);
    return (asked ?? playable[0])?.id ?? null;
  }

  failed(list: readonly Candidate[], stream: FailedStream): Move {
    if (decoderMayHelp(stream) && !this.#recovered.has(stream.id)) {
      this.#recovered.add(stream.id);
      return { do: 'recover' };
    }
    this.#tried.add(stream.id);
    this.#rest(stream.id, stream.now);
    const next = this.#next(list, stream.now);
    if (next !== null) return { do: 'play', id: next };
    if (this.#mayReload(list, stream.id)) {
      this.#reloaded.add(stream.id);
      return { do: 'play', id: stream.id };
    }
    return { do: 'give_up' };
  }

  /** After giving up: a stream that this round has not seen yet. */
  newcomer(list: readonly Candidate[], now: number): string | null {
    return this.#next(list, now);
  }

  /** It has played for `STEADY_MS`, or the viewer starts afresh. */
  endRound(): void {
    this.#tried.clear();
    this.#recovered.clear();
    this.#reloaded.clear();
  }

  #next(list: readonly Candidate[], now: number): string | null {
    const untried = list.filter((stream) => stream.playable && !this.#tried.has(stream.id));
    const rested = untried.find((stream) => (this.#resting.get(stream.id)?.until ?? 0) <= now);
    return (rested ?? untried[0])?.id ?? null;
  }

  /** With nothing else to go to, a stream is worth a second attempt. */
  #mayReload(list: readonly Candidate[], id: string): boolean {
    const playable = list.filter((stream) => stream.playable);
    return playable.length === 1 && playable[0]?.id === id && !this.#reloaded.has(id);
  }

  #rest(id: string, now: number): void {
    const before = this.#resting.get(id);
    const times = before !== undefined && now - before.until < REST_MAX_MS ? before.times + 1 : 1;
    const forMs = Math.min(REST_MAX_MS, REST_MS * 2 ** (times - 1));
    this.#resting.set(id, { until: now + forMs, times });
  }
}

function decoderMayHelp({ failure, buffered }: FailedStream): boolean {
  return failure === 'media' || (failure === 'frozen' && buffered >= STUCK_WITH_SECONDS);
}
