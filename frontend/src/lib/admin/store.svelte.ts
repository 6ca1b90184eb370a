// What the operator sees, and the token that lets them. The token lives in
// this tab's session storage: it ends with the tab.

import { getAdminPlugins, reloadPlugins } from '../api/client';
import { ApiError, describe } from '../api/error';
import type { AdminPlugins } from '../api/types';
import { Resource } from '../resource.svelte';

const KEY = 'f1-streams.admin-token';

class Admin {
  #token = $state<string | null>(read());
  /** Why the token is asked for again. */
  rejected = $state(false);
  /** The host says that there is no admin. */
  off = $state(false);
  reloading = $state(false);
  /** What came of the last press of Reload. */
  said = $state('');

  readonly plugins: Resource<AdminPlugins> = new Resource(() => this.#load(), {
    intervalMs: 2_000,
  });

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
    this.said = '';
    this.plugins.forget();
  }

  async reload(): Promise<void> {
    if (this.#token === null) return;
    this.reloading = true;
    this.said = '';
    try {
      await reloadPlugins(this.#token);
      this.said = 'The plugins directory is being read again.';
      await this.plugins.refresh();
    } catch (cause) {
      this.#judge(cause);
      this.said = cause instanceof ApiError ? describe(cause) : 'That did not work.';
    } finally {
      this.reloading = false;
    }
  }

  async #load(): Promise<AdminPlugins> {
    const token = this.#token;
    if (token === null) throw new ApiError('unauthorized', null, 'No token was given.');
    try {
      return await getAdminPlugins(token);
    } catch (cause) {
      if (token === this.#token) this.#judge(cause);
      throw cause;
    }
  }

  #judge(cause: unknown): void {
    if (!(cause instanceof ApiError)) return;
    if (cause.kind === 'unauthorized') {
      this.leave();
      this.rejected = true;
    }
    if (cause.kind === 'not_found') {
      this.leave();
      this.off = true;
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

export const admin = new Admin();
