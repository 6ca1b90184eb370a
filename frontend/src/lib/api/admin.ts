// The admin's part of the host's API: for who is logged in as one.

import { call, exchange, isQueued, isRecord, listOf } from './client';
import { ApiError } from './error';
import type { AdminPlugins, Plugin, PluginEvent } from './plugins';
import type { AdminSchedule, Queued } from './types';

export type PluginAction = 'reload' | 'rollback' | 'approve' | 'disable' | 'enable';

// Approving, rolling back and reloading compile the file: a second for one from
// Rust, much longer for one that carries an interpreter.
const ACTION_TIMEOUT_MS = 60_000;
// Of a few MiB, perhaps over a phone's connection.
const DOWNLOAD_TIMEOUT_MS = 60_000;

export interface Acted {
  plugin: Plugin;
  /** `false`: what was decided is not on disk, so a restart forgets it. */
  saved?: boolean;
}

type Answer = Record<string, unknown>;

export function getAdminPlugins(): Promise<AdminPlugins> {
  return call('/api/admin/plugins', { shape: isAdminPlugins });
}

export function getAdminSchedule(): Promise<AdminSchedule> {
  return call('/api/admin/schedule', { shape: isAdminSchedule });
}

export function reloadPlugins(): Promise<Queued> {
  return call('/api/admin/plugins/reload', { method: 'POST', shape: isQueued });
}

/** `digest` is of the version that the operator saw and approves. */
export function actOn(key: string, action: PluginAction, digest?: string): Promise<Acted> {
  const query = digest === undefined ? '' : `?digest=${encodeURIComponent(digest)}`;
  return call(`/api/admin/plugins/${encodeURIComponent(key)}/${action}${query}`, {
    method: 'POST',
    timeoutMs: ACTION_TIMEOUT_MS,
    shape: isPluginAnswer,
  });
}

export async function getPluginEvents(key: string): Promise<PluginEvent[]> {
  const path = `/api/admin/plugins/${encodeURIComponent(key)}/events`;
  return (await call(path, { shape: isEvents })).events;
}

/** Resolves when the host has taken note; the run itself comes later. */
export function runSite(key: string): Promise<void> {
  const path = `/api/admin/sites/${encodeURIComponent(key)}/run`;
  return exchange(path, { method: 'POST' }, async () => {});
}

export function getBundle(name: string): Promise<Blob> {
  return blob(`/api/admin/diagnostics/${encodeURIComponent(name)}`);
}

/** `index` counts in the site's list of attachments. */
export function getAttachment(site: string, index: number): Promise<Blob> {
  return blob(`/api/admin/sites/${encodeURIComponent(site)}/attachments/${index}`);
}

/** What happens, as server-sent events; the caller ends it by `signal`. */
export function openEvents(signal: AbortSignal): Promise<ReadableStream> {
  const accept = 'text/event-stream';
  return exchange('/api/admin/events', { accept, signal }, async (response) => {
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith(accept) || response.body === null) {
      throw new ApiError('invalid', null, 'not an event stream');
    }
    return response.body;
  });
}

function blob(path: string): Promise<Blob> {
  const options = { accept: '*/*', timeoutMs: DOWNLOAD_TIMEOUT_MS };
  return exchange(path, options, (response) => response.blob());
}

function isAdminSchedule(value: Answer): value is Answer & AdminSchedule {
  return ['sources', 'disagreements', 'unmatched', 'changes'].every((key) =>
    Array.isArray(value[key]),
  );
}

function isAdminPlugins(value: Answer): value is Answer & AdminPlugins {
  return (
    isRecord(value['directory']) &&
    Array.isArray(value['plugins']) &&
    value['plugins'].every(isPlugin)
  );
}

function isPluginAnswer(value: Answer): value is Answer & Acted {
  return isPlugin(value['plugin']);
}

function isEvents(value: Answer): value is Answer & { events: PluginEvent[] } {
  return listOf(value['events']);
}

function isPlugin(value: unknown): value is Plugin {
  if (!isRecord(value) || !listOf([value], 'hosts', 'secrets', 'sites')) return false;
  const { held, sites } = value as Answer & { sites: Answer[] };
  return (
    (held == null || listOf([held], 'hosts', 'secrets')) &&
    listOf(sites, 'granted', 'attachments') &&
    sites.every(({ last_run: run }) => run == null || listOf([run], 'refused'))
  );
}
