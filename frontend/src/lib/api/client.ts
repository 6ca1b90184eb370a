// The only code of the page that talks to the host's API. Every request is
// same-origin and ends within `TIMEOUT_MS`; every failure is an `ApiError`.

import { asking, failed } from './asker';
import { ApiError, kindOfStatus } from './error';
import type { Queued, Schedule, Streams } from './types';

// Under ten seconds, so that no page shows a spinner for longer.
export const TIMEOUT_MS = 8_000;

/** Goes with every request: no page of another origin can send it with a login. */
export const PAGE_HEADER = 'f1-streams-page';

const WANTS_A_LOGIN =
  'A proxy in front of the server wants you to log in. Loading the page again may show its login.';

export type Shape<T> = (value: Record<string, unknown>) => value is Record<string, unknown> & T;

interface Request {
  method?: 'GET' | 'POST';
  /** The body of a POST. */
  json?: unknown;
  /** What is accepted; JSON where nothing is said. */
  accept?: string;
  timeoutMs?: number;
  /** Ends the request instead of a timeout: the caller watches over it. */
  signal?: AbortSignal;
}

interface Call<T> extends Request {
  shape: Shape<T>;
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

export function call<T>(path: string, options: Call<T>): Promise<T> {
  return exchange(path, options, async (response) => parse(await response.text(), options.shape));
}

/** One request; `read` is under the same timeout, and its failures are the request's. */
export async function exchange<T>(
  path: string,
  options: Request,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const headers = new Headers({ accept: options.accept ?? 'application/json', [PAGE_HEADER]: '1' });
  if (options.json !== undefined) headers.set('content-type', 'application/json');
  const still = asking();
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  try {
    const response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      body: options.json === undefined ? null : JSON.stringify(options.json),
      // `server_time` must be this answer's own, not a stored one's.
      cache: 'no-store',
      credentials: 'same-origin',
      // The host sends nobody elsewhere; a proxy in front does, to its own login.
      redirect: 'manual',
      signal: options.signal ?? AbortSignal.timeout(timeoutMs),
    });
    if (response.type === 'opaqueredirect') {
      throw new ApiError('unauthorized', null, WANTS_A_LOGIN);
    }
    if (!response.ok) {
      const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
      throw refusal(response.status, await response.text(), wait);
    }
    return await read(response);
  } catch (cause) {
    if (cause instanceof ApiError) {
      failed(cause, still);
      throw cause;
    }
    if (cause instanceof DOMException && cause.name === 'TimeoutError') {
      throw new ApiError('timeout', null, `no answer within ${timeoutMs} ms`);
    }
    throw new ApiError('unreachable', null, cause instanceof Error ? cause.message : String(cause));
  }
}

export function parse<T>(text: string, shape: Shape<T>): T {
  const value = record(text);
  if (value === null || !shape(value)) {
    throw new ApiError('invalid', null, 'not the JSON that was promised');
  }
  return value;
}

/** The error that an answer with a status of 400 or more is. */
export function refusal(status: number, text: string, retryAfter = Number.NaN): ApiError {
  const kind = kindOfStatus(status);
  const seconds = Number.isFinite(retryAfter) ? retryAfter : null;
  const body = record(text)?.['error'];
  if (isRecord(body) && typeof body['code'] === 'string' && typeof body['message'] === 'string') {
    return new ApiError(kind, body['code'], body['message'], seconds);
  }
  return new ApiError(kind, null, `The server answered with status ${status}.`, seconds);
}

function record(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// These look as deep as the page's loops reach, so that a foreign answer is an
// error that the page can show and not an exception while it renders.

export function listOf(value: unknown, ...lists: string[]): boolean {
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

export function isQueued(
  value: Record<string, unknown>,
): value is Record<string, unknown> & Queued {
  return typeof value['queued'] === 'boolean';
}
