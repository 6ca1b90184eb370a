// Plugin files on their way into the plugins directory, one after the other:
// the host compiles each before it answers.

import { ApiError, describe } from '../api/error';
import { putPlugin, type Sending } from '../api/upload';
import type { Accepted, Plugin } from '../api/plugins';
import { session } from '../session.svelte';
import { admin } from './store.svelte';
import { REFUSED, shortDigest } from './words';

export type Phase =
  | { phase: 'waiting' }
  | { phase: 'sending'; part: number }
  | { phase: 'checking' }
  | { phase: 'accepted'; accepted: Accepted }
  | { phase: 'refused'; code: string | null; message: string };

export class Upload {
  now = $state.raw<Phase>({ phase: 'waiting' });
  #sending: Sending | null = null;
  #stopped = false;

  constructor(
    readonly id: number,
    readonly file: File,
    /** null: its name says no key. */
    readonly key: string | null,
  ) {}

  get over(): boolean {
    return this.now.phase === 'accepted' || this.now.phase === 'refused';
  }

  /** Can still be stopped without a doubt about what became of it. */
  get stoppable(): boolean {
    return this.now.phase === 'waiting' || this.now.phase === 'sending';
  }

  async run(): Promise<void> {
    const key = this.key;
    if (key === null) {
      return this.#refuse('name', `Name it after the plugin: site-a.wasm, not ${this.file.name}.`);
    }
    if (this.#stopped) return;
    this.now = { phase: 'sending', part: 0 };
    try {
      this.#sending = putPlugin(key, this.file, (part) => {
        this.now = part < 1 ? { phase: 'sending', part } : { phase: 'checking' };
      });
      this.now = { phase: 'accepted', accepted: await this.#sending.answer };
    } catch (cause) {
      const error = cause instanceof ApiError ? cause : new ApiError('invalid', null, '');
      this.#refuse(error.code, REFUSED[error.code ?? ''] ?? describe(error));
    }
    admin.expect();
  }

  stop(): void {
    this.#stopped = true;
    this.#sending?.stop();
    if (this.now.phase === 'waiting') this.#refuse(null, 'The upload was stopped.');
  }

  #refuse(code: string | null, message: string): void {
    this.now = { phase: 'refused', code, message };
  }
}

class Uploads {
  list = $state.raw<readonly Upload[]>([]);
  #next = 1;
  #queue: Promise<void> = Promise.resolve();

  constructor() {
    session.onleave('admin', () => {
      for (const upload of this.list) upload.stop();
      this.list = [];
    });
  }

  /** `key`: of the plugin that the files were dropped on; else their names say it. */
  add(files: readonly File[], key: string | null = null): Promise<void> {
    for (const file of files) {
      const upload = new Upload(this.#next, file, key ?? keyOf(file.name));
      this.#next += 1;
      this.list = [upload, ...this.list];
      this.#queue = this.#queue.then(() => upload.run());
    }
    return this.#queue;
  }

  dismiss(upload: Upload): void {
    this.list = this.list.filter((one) => one !== upload);
  }
}

export const uploads = new Uploads();

/**
 * The key that a file's name says, or null. Browsers number second downloads
 * ("site-a (1).wasm") and cargo writes "site_a.wasm"; both are site-a. The
 * host refuses a file that calls itself something else.
 */
export function keyOf(name: string): string | null {
  const stem = /^(.+?)(?: ?\(\d+\))?\.wasm$/i.exec(name)?.[1];
  const key = stem?.toLowerCase().replaceAll('_', '-') ?? '';
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(key) ? key : null;
}

/** What became of an accepted file, as far as the list shows it; null: nothing yet. */
export function fate(digest: string, plugin: Plugin | undefined): string | null {
  const is = (other: string | null | undefined): boolean =>
    other != null && shortDigest(other) === shortDigest(digest);
  if (plugin === undefined) return null;
  if (is(plugin.held?.digest)) return 'It waits for approval, below.';
  if (is(plugin.digest)) {
    if (plugin.state === 'disabled') return 'It is loaded, but the plugin is disabled.';
    return plugin.state === 'probation' ? 'It serves, on probation.' : 'It serves.';
  }
  if (is(plugin.quarantined?.digest)) return 'It is quarantined and not used.';
  return is(plugin.error?.digest) ? 'It was refused after all; the reason is below.' : null;
}
