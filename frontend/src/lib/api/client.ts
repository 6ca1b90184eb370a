// The only code of the page that talks to the host's API. Every request is
// same-origin and ends within `TIMEOUT_MS`; every failure is an `ApiError`.

import { ApiError, kindOfStatus } from './error';
import type { AdminPlugins, Queued, Schedule, Streams } from './types';

// Under ten seconds, so that no page shows a spinner for longer.
export const TIMEOUT_MS = 8_000;

type Shape<T> = (value: Record<string, unknown>) => value is Record<string, unknown> & T;

interface Call<T> {
  method?: 'GET' | 'POST';
  token?: string;
  shape: Shape<T>;
  timeoutMs?: number;
}

export function getSchedule(): Promise<Schedule> {
  return call('/api/schedule', { shape: isSchedule });
}

export function getStreams(): Promise<Streams> {
  return call('/api/streams', { shape: isStreams });
}

export function refreshStreams(): Promise<Queued> {
  return call('/api/streams/refresh', { method: 'POST', shape: isQueued });
}

export function getAdminPlugins(token: string): Promise<AdminPlugins> {
  return call('/api/admin/plugins', { token, shape: isAdminPlugins });
}

export function reloadPlugins(token: string): Promise<Queued> {
  return call('/api/admin/plugins/reload', { method: 'POST', token, shape: isQueued });
}

export async function call<T>(path: string, options: Call<T>): Promise<T> {
  const headers = new Headers({ accept: 'application/json' });
  if (options.token !== undefined) headers.set('authorization', `Bearer ${options.token}`);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  try {
    const response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      // `server_time` must be this answer's own, not a stored one's.
      cache: 'no-store',
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok) throw refusal(response, text);
    return parse(text, options.shape);
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    if (cause instanceof DOMException && cause.name === 'TimeoutError') {
      throw new ApiError('timeout', null, `no answer within ${timeoutMs} ms`);
    }
    throw new ApiError('unreachable', null, cause instanceof Error ? cause.message : String(cause));
  }
}

function parse<T>(text: string, shape: Shape<T>): T {
  const value = record(text);
  if (value === null || !shape(value)) {
    throw new ApiError('invalid', null, 'not the JSON that was promised');
  }
  return value;
}

function refusal(response: Response, text: string): ApiError {
  const kind = kindOfStatus(response.status);
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const seconds = Number.isFinite(retryAfter) ? retryAfter : null;
  const body = record(text)?.['error'];
  if (isRecord(body) && typeof body['code'] === 'string' && typeof body['message'] === 'string') {
    return new ApiError(kind, body['code'], body['message'], seconds);
  }
  return new ApiError(kind, null, `The server answered with status ${response.status}.`, seconds);
}

function record(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// These look as deep as the page's loops reach, so that a foreign answer is an
// error that the page can show and not an exception while it renders.

function listOf(value: unknown, ...lists: string[]): boolean {
  return (
    Array.isArray(value) &&
    value.every((item) => isRecord(item) && lists.every((list) => Array.isArray(item[list])))
  );
}

function isSchedule(value: Record<string, unknown>): value is Record<string, unknown> & Schedule {
  return (
    typeof value['server_time'] === 'string' &&
    listOf(value['sources']) &&
    listOf(value['events'], 'sessions') &&
    (value['events'] as Record<string, unknown>[]).every(
      (event) => isRecord(event['circuit']) && listOf(event['sessions']),
    )
  );
}

function isStreams(value: Record<string, unknown>): value is Record<string, unknown> & Streams {
  return (
    listOf(value['streams']) &&
    (value['streams'] as Record<string, unknown>[]).every(
      (stream) => isRecord(stream['health']) && typeof stream['play_url'] === 'string',
    )
  );
}

function isQueued(value: Record<string, unknown>): value is Record<string, unknown> & Queued {
  return typeof value['queued'] === 'boolean';
}

function isAdminPlugins(
  value: Record<string, unknown>,
): value is Record<string, unknown> & AdminPlugins {
  return isRecord(value['directory']) && listOf(value['plugins'], 'hosts', 'sites');
}
