// The token that lets the operator in. It lives in this tab's session storage:
// it ends with the tab.

import { ApiError } from '../api/error';

const KEY = 'f1-streams.admin-token';

class Session {
  #token = $state<string | null>(read());
  /** Why the token is asked for again. */
  rejected = $state(false);
  /** The host says that there is no admin. */
  off = $state(false);

  #onleave: (() => void)[] = [];

  get signedIn(): boolean {
    return this.#token !== null;
  }

  enter(token: string): void {
    this.rejected = false;
    this.off = false;
    this.#keep(token);
  }

  leave(): void {
    this.#keep(null);
    for (const forget of this.#onleave) forget();
  }

  /** What was seen with a token is forgotten with it. */
  onleave(forget: () => void): void {
    this.#onleave.push(forget);
  }

  /** Asks the host with the token; an answer that refuses the token ends the session. */
  async ask<T>(question: (token: string) => Promise<T>): Promise<T> {
    const token = this.#token;
    if (token === null) throw new ApiError('unauthorized', null, 'No token was given.');
    try {
      return await question(token);
    } catch (cause) {
      const refused = cause instanceof ApiError && cause.kind === 'unauthorized';
      // An answer to an older token says nothing about the present one.
      if (refused && token === this.#token) {
        this.leave();
        this.rejected = true;
      }
      throw cause;
    }
  }

  #keep(token: string | null): void {
    this.#token = token;
    try {
      if (token === null) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, token);
    } catch {
      // Storage can be off; the token then lasts as long as the page.
    }
  }
}

function read(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const session = new Session();
