// Who is logged in, as the host last said. What proves it is a cookie that no
// script reads: nothing of a token is kept here.

import { asking, changed, whenRefused, type Refused } from './api/asker';
import { getSession, logIn, logOut } from './api/session';
import type { Login } from './api/types';
import { Resource } from './resource.svelte';

// A login that ended is mostly noticed by what is refused; a new one in another
// tab is not.
const INTERVAL_MS = 60_000;

class Session {
  /** Somebody was logged in and is no longer, without having asked for it. */
  ended = $state(false);

  readonly #answer: Resource<Login> = new Resource(() => this.#load(), {
    intervalMs: INTERVAL_MS,
  });
  readonly #onleave: Record<Refused, (() => void)[]> = { viewer: [], admin: [] };

  constructor() {
    whenRefused((what) => this.#refused(what));
  }

  /** Nothing was heard yet, and nothing has failed. */
  get loading(): boolean {
    return this.#answer.loading;
  }

  get busy(): boolean {
    return this.#answer.busy;
  }

  /** Why it is not known who is logged in; null where it is. */
  get error() {
    return this.#answer.data === null ? this.#answer.error : null;
  }

  /** May watch, as far as is known: what the host refuses it says by itself. */
  get viewer(): boolean {
    return this.#answer.data?.viewer ?? true;
  }

  get admin(): boolean {
    return this.#answer.data?.admin ?? false;
  }

  get hasAdmin(): boolean {
    return this.#answer.data?.has_admin ?? true;
  }

  /** A reverse proxy says who may watch. */
  get forwarded(): boolean {
    return this.#answer.data?.viewers === 'forward';
  }

  /** Apps need an address with a token in it. */
  get personal(): boolean {
    const viewers = this.#answer.data?.viewers;
    return viewers === 'token' || viewers === 'forward';
  }

  /** What to call who is there; null where the host knows nobody by name. */
  get who(): string | null {
    const answer = this.#answer.data;
    if (answer === null) return null;
    if (answer.admin) return 'Admin';
    if (!answer.viewer) return null;
    return answer.name ?? (answer.viewers === 'token' ? 'Viewer' : null);
  }

  /** There is a login to end. */
  get loggedIn(): boolean {
    const answer = this.#answer.data;
    return answer !== null && (answer.admin || (answer.viewer && answer.viewers === 'token'));
  }

  /** Stay up to date until the returned function is called. */
  watch(): () => void {
    return this.#answer.watch();
  }

  refresh(): Promise<void> {
    return this.#answer.refresh();
  }

  /** Ask after now. */
  renew(): Promise<void> {
    return this.#answer.renew();
  }

  /**
   * Resolves with what the token makes of who has it, when the host was asked
   * again: a browser that keeps no cookies is logged in by its answer alone.
   */
  async logIn(token: string): Promise<Login> {
    const promised = await logIn(token);
    changed();
    await this.renew();
    if (this.#answer.error !== null) throw this.#answer.error;
    return promised;
  }

  async logOut(): Promise<void> {
    await logOut();
    changed();
    const answer = this.#answer.data;
    if (answer !== null) this.#answer.data = this.#become(without('admin', answer));
    this.ended = false;
    await this.renew();
  }

  /** What was seen with a login is forgotten with it. */
  onleave(who: Refused, forget: () => void): void {
    this.#onleave[who].push(forget);
  }

  async #load(): Promise<Login> {
    const still = asking();
    const answer = await getSession();
    return still() ? this.#become(answer) : (this.#answer.data ?? answer);
  }

  // The host is not asked again at once: replicas that do not agree for a moment
  // would have us ask them in turn.
  #refused(what: Refused | 'proxy'): void {
    const answer = this.#answer.data;
    if (what === 'proxy') {
      if (!this.forwarded) return;
      what = 'viewer';
    }
    if (answer === null) void this.refresh();
    else this.#answer.data = this.#become(without(what, answer));
  }

  #become(next: Login): Login {
    const before = this.#answer.data;
    const { loggedIn } = this;
    for (const who of ['viewer', 'admin'] as const) {
      if (next[who] && before?.[who] !== true) this.ended = false;
      if (next[who] || before?.[who] !== true) continue;
      this.ended = loggedIn;
      for (const forget of this.#onleave[who]) forget();
    }
    return next;
  }
}

/** Where it takes a login to watch, the admin's is one, and there is no other. */
function without(what: Refused, answer: Login): Login {
  const watches = what === 'admin' && answer.viewer && answer.viewers !== 'token';
  return { ...answer, viewer: watches, admin: false, name: null };
}

export const session = new Session();
