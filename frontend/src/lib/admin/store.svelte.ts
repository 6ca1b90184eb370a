// What the operator sees: all plugins, kept up to date by the event stream and
// by asking at intervals, since counts and times come in no event.

import { SvelteMap } from 'svelte/reactivity';
import { getAdminPlugins, openEvents, reloadPlugins } from '../api/admin';
import { ApiError, describe } from '../api/error';
import type { AdminPlugins, Plugin } from '../api/plugins';
import type { ServerEvent } from '../api/sse';
import { Resource } from '../resource.svelte';
import { session } from '../session.svelte';
import { Live } from './live.svelte';

// Short enough to see within ten seconds that the host is gone.
const CALM_MS = 5_000;
const EAGER_MS = 2_000;
// Events come in bursts; one question answers them all.
const BURST_MS = 150;

class Admin {
  reloading = $state(false);
  /** What came of the last press of Reload. */
  said = $state('');
  /** How often something was heard of each plugin. */
  readonly news = new SvelteMap<string, number>();

  readonly live = new Live({
    open: openEvents,
    onevent: (event) => this.#heard(event),
    onchange: () => this.#soon(),
  });

  readonly plugins: Resource<AdminPlugins> = new Resource(() => this.#load(), this);

  #due: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    session.onleave('admin', () => {
      clearTimeout(this.#due);
      this.#due = undefined;
      this.said = '';
      this.news.clear();
      this.plugins.forget();
    });
  }

  /** How often to ask. */
  get intervalMs(): number {
    return this.live.state === 'live' ? CALM_MS : EAGER_MS;
  }

  /** Stay up to date until the returned function is called. */
  watch(): () => void {
    const ends = [this.plugins.watch(), this.live.follow()];
    return () => ends.forEach((end) => end());
  }

  async reload(): Promise<void> {
    this.reloading = true;
    this.said = '';
    try {
      await reloadPlugins();
      this.said = 'The plugins directory is being read again.';
      await this.plugins.renew();
    } catch (cause) {
      this.said = cause instanceof ApiError ? describe(cause) : 'That did not work.';
    } finally {
      this.reloading = false;
    }
  }

  /** Shows an answer about one plugin before the whole list comes again. */
  put(plugin: Plugin): void {
    const data = this.plugins.data;
    if (data === null) return;
    const plugins = data.plugins.map((one) => (one.key === plugin.key ? plugin : one));
    this.plugins.data = { ...data, plugins };
    this.#soon();
  }

  /** Something was asked of the host that the list will show. */
  expect(): void {
    this.#soon();
  }

  async #load(): Promise<AdminPlugins> {
    try {
      return await getAdminPlugins();
    } catch (cause) {
      // The host has no admin any more, and says so only there.
      if (cause instanceof ApiError && cause.kind === 'not_found') void session.renew();
      throw cause;
    }
  }

  #heard({ event, data }: ServerEvent): void {
    const key = event === 'plugins' ? keyOf(data) : null;
    if (key !== null) this.news.set(key, (this.news.get(key) ?? 0) + 1);
    this.#soon();
  }

  #soon(): void {
    if (!session.admin) return;
    this.#due ??= setTimeout(() => {
      this.#due = undefined;
      void this.plugins.renew();
    }, BURST_MS);
  }
}

function keyOf(data: string): string | null {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== 'object' || value === null || !('key' in value)) return null;
    return typeof value.key === 'string' ? value.key : null;
  } catch {
    return null;
  }
}

export const admin = new Admin();
