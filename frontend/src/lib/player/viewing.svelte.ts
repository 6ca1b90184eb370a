// One visit to the watch page: which stream plays, why it changed, and what is
// said about it. Decides through `Failover`; touches no element.

import type { Stream } from '../api/types';
import { Failover, STEADY_MS, type Failure } from './failover';

/** What the player is told to play. A new object is a new attempt. */
export interface Attempt {
  id: string;
  url: string;
  /** The viewer chose it: it plays even if the one before was paused. */
  chosen: boolean;
}

export interface Trouble {
  id: string;
  failure: Failure;
  why: string;
  buffered: number;
}

const SAID: Record<Failure, string> = {
  media: 'could not be decoded',
  network: 'stopped answering',
  frozen: 'froze',
  ended: 'ended',
};

export class Viewing {
  attempt = $state.raw<Attempt | null>(null);
  /** Why nothing plays any more; null while something does or may. */
  gaveUp = $state<string | null>(null);
  /** The last change, in words: shown, and announced politely. */
  notice = $state('');

  #failover = new Failover();
  #list: readonly Stream[] = [];
  #steadySince: number | null = null;

  /** The newest list; starts the first stream when nothing plays yet. */
  listed(list: readonly Stream[], wanted: string | null, now: number): void {
    this.#list = list;
    if (this.gaveUp !== null) {
      if (!list.some((stream) => stream.playable)) return this.#over();
      const id = this.#failover.newcomer(list, now);
      if (id !== null) this.#play(id, false, `${this.label(id)} is back. Playing it now.`);
      return;
    }
    if (this.attempt !== null) return;
    const id = this.#failover.choose(list, wanted);
    if (id === null) return;
    const missing = wanted !== null && wanted !== id;
    this.#play(id, true, missing ? 'That stream is not available. Playing the best one.' : '');
  }

  pick(id: string): void {
    const stream = this.#list.find((candidate) => candidate.id === id);
    if (stream === undefined || !stream.playable) return;
    this.#failover.endRound();
    this.#play(id, true, `Playing ${stream.label}.`);
  }

  /** The next (1) or previous (-1) playable stream in the order of the list. */
  neighbour(step: 1 | -1): string | null {
    const playable = this.#list.filter((stream) => stream.playable);
    if (playable.length === 0) return null;
    const at = playable.findIndex((stream) => stream.id === this.attempt?.id);
    const index = at === -1 ? 0 : (at + step + playable.length) % playable.length;
    return playable[index]?.id ?? null;
  }

  retry(): void {
    this.#failover.endRound();
    const id = this.#failover.choose(this.#list, this.attempt?.id ?? null);
    if (id !== null) this.#play(id, true, `Trying ${this.label(id)} again.`);
  }

  /** Something went wrong. True: give the same stream a fresh decoder. */
  failed(trouble: Trouble, now: number): boolean {
    if (trouble.id !== this.attempt?.id || this.gaveUp !== null) return false;
    this.#steadySince = null;
    const move = this.#failover.failed(this.#list, { ...trouble, now });
    const what = `${this.label(trouble.id)} ${SAID[trouble.failure]}.`;
    switch (move.do) {
      case 'recover':
        return true;
      case 'play': {
        const again = move.id === trouble.id;
        const then = again ? 'Trying it again.' : `Switched to ${this.label(move.id)}.`;
        this.#play(move.id, false, `${what} ${then}`);
        return false;
      }
      case 'give_up':
        this.gaveUp = trouble.why;
        this.notice = `${what} No other stream is playing.`;
        return false;
    }
  }

  /** The picture moves. Long enough, and past failures no longer count. */
  moved(now: number): void {
    this.#steadySince ??= now;
    if (now - this.#steadySince < STEADY_MS) return;
    this.#failover.endRound();
    this.#steadySince = now;
  }

  label(id: string): string {
    return this.#list.find((stream) => stream.id === id)?.label ?? 'The stream';
  }

  /** Nothing is left to play: whatever comes next begins from the start. */
  #over(): void {
    this.#failover.endRound();
    this.gaveUp = null;
    this.attempt = null;
  }

  #play(id: string, chosen: boolean, notice: string): void {
    const stream = this.#list.find((candidate) => candidate.id === id);
    if (stream === undefined) return;
    this.gaveUp = null;
    this.notice = notice;
    this.#steadySince = null;
    this.attempt = { id, url: stream.play_url, chosen };
  }
}
