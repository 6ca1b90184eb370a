// What the operator does to one plugin or one site, and what came of it.

import { SvelteMap } from 'svelte/reactivity';
import { actOn, getAttachment, getBundle, runSite, type PluginAction } from '../api/admin';
import { ApiError, describe } from '../api/error';
import { session } from '../session.svelte';
import { save } from './save';
import { admin } from './store.svelte';
import { DONE, REFUSED, UNSAVED } from './words';

export interface Outcome {
  good: boolean;
  text: string;
}

class Actions {
  /** What is under way, by plugin. */
  readonly busy = new SvelteMap<string, PluginAction>();
  /** What came of the last one, by plugin. */
  readonly said = new SvelteMap<string, Outcome>();
  /** Likewise for sites. */
  readonly siteBusy = new SvelteMap<string, 'run' | 'download'>();
  readonly siteSaid = new SvelteMap<string, Outcome>();

  constructor() {
    session.onleave('admin', () => {
      for (const map of [this.busy, this.said, this.siteBusy, this.siteSaid]) map.clear();
    });
  }

  /** `digest`: of what is approved. */
  async act(key: string, action: PluginAction, digest?: string): Promise<void> {
    if (this.busy.has(key)) return;
    this.busy.set(key, action);
    this.said.delete(key);
    try {
      const acted = await actOn(key, action, digest);
      admin.put(acted.plugin);
      const saved = acted.saved !== false;
      this.said.set(key, {
        good: saved,
        text: saved ? DONE[action] : `${DONE[action]} ${UNSAVED}`,
      });
    } catch (cause) {
      this.said.set(key, failed(cause));
      admin.expect();
    } finally {
      this.busy.delete(key);
    }
  }

  run(site: string): Promise<void> {
    return this.#forSite(site, 'run', async () => {
      await runSite(site);
      admin.expect();
      return 'A run was asked for.';
    });
  }

  saveBundle(site: string, name: string): Promise<void> {
    return this.#forSite(site, 'download', async () => {
      save(await getBundle(name), name);
      return `${name} was saved.`;
    });
  }

  saveAttachment(site: string, index: number, name: string): Promise<void> {
    return this.#forSite(site, 'download', async () => {
      save(await getAttachment(site, index), name);
      return `${name} was saved.`;
    });
  }

  async #forSite(
    site: string,
    what: 'run' | 'download',
    work: () => Promise<string>,
  ): Promise<void> {
    if (this.siteBusy.has(site)) return;
    this.siteBusy.set(site, what);
    this.siteSaid.delete(site);
    try {
      this.siteSaid.set(site, { good: true, text: await work() });
    } catch (cause) {
      this.siteSaid.set(site, failed(cause));
    } finally {
      this.siteBusy.delete(site);
    }
  }
}

function failed(cause: unknown): Outcome {
  if (!(cause instanceof ApiError)) return { good: false, text: 'That did not work.' };
  return { good: false, text: REFUSED[cause.code ?? ''] ?? describe(cause) };
}

export const actions = new Actions();
