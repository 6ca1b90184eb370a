import { afterEach, describe, expect, test, vi } from 'vitest';
import { changed, whenRefused } from './asker';
import { call, getSchedule, getStreams, refreshStreams } from './client';
import { ApiError, describe as describeError } from './error';

function answer(body: string, status = 200, headers: Record<string, string> = {}) {
  const fetching = vi.fn<typeof fetch>(async () => new Response(body, { status, headers }));
  vi.stubGlobal('fetch', fetching);
  return fetching;
}

async function failure(of: Promise<unknown>): Promise<ApiError> {
  const error = await of.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

afterEach(() => vi.unstubAllGlobals());

const STREAMS = { generated_at: '2026-11-22T04:00:00Z', session: null, streams: [] };

describe('an answer', () => {
  test('is handed on as it came', async () => {
    answer(JSON.stringify(STREAMS));
    expect(await getStreams()).toEqual(STREAMS);
  });

  test('of the schedule is never a stored one', async () => {
    const fetching = answer('{"server_time":"x","sources":[],"events":[]}');
    await getSchedule();
    expect(fetching.mock.calls[0]?.[1]).toMatchObject({ cache: 'no-store', redirect: 'manual' });
  });

  test.each([
    ['no JSON', '<html>'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['streams missing', '{}'],
    ['streams that are no list', '{"streams":{}}'],
    ['a stream that is none', '{"streams":[1]}'],
    ['a stream without health', '{"streams":[{"play_url":"/x"}]}'],
  ])('that is %s is invalid', async (_, body) => {
    answer(body);
    expect((await failure(getStreams())).kind).toBe('invalid');
  });

  test('with an event that has no circuit is invalid', async () => {
    answer('{"server_time":"x","sources":[],"events":[{"sessions":[]}]}');
    expect((await failure(getSchedule())).kind).toBe('invalid');
  });
});

describe('a refusal', () => {
  test.each([
    [401, 'unauthorized'],
    [404, 'not_found'],
    [429, 'limited'],
    [403, 'refused'],
    [500, 'server'],
    [503, 'server'],
  ])('status %d is %s', async (status, kind) => {
    answer('{"error":{"code":"some_code","message":"Some words."}}', status);
    const error = await failure(getStreams());
    expect(error).toMatchObject({ kind, code: 'some_code', message: 'Some words.' });
    expect(error.hostGone).toBe(false);
  });

  test('that is no JSON of ours still says something', async () => {
    answer('<h1>Bad gateway</h1>', 502);
    const error = await failure(getStreams());
    expect(error).toMatchObject({ kind: 'server', code: null });
    expect(describeError(error)).toContain('502');
  });

  test('says when to come back', async () => {
    answer('{}', 429, { 'retry-after': '7' });
    expect((await failure(refreshStreams())).retryAfterSeconds).toBe(7);
  });
});

describe('no answer', () => {
  test('is unreachable', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    const error = await failure(getStreams());
    expect(error).toMatchObject({ kind: 'unreachable', hostGone: true });
  });

  test('in time is a timeout', async () => {
    vi.stubGlobal(
      'fetch',
      (_: string, { signal }: RequestInit) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    const shape = (value: Record<string, unknown>): value is Record<string, unknown> => !!value;
    const error = await failure(call('/api/streams', { shape, timeoutMs: 20 }));
    expect(error).toMatchObject({ kind: 'timeout', hostGone: true });
  });
});

describe('a refusal for want of a login', () => {
  const refusal = (code: string | null) =>
    code === null ? '<h1>No</h1>' : `{"error":{"code":"${code}","message":"no"}}`;

  test.each([
    ['login_needed', 401, ['viewer']],
    ['unauthorized', 401, ['admin']],
    ['token_wrong', 401, []],
    [null, 401, ['proxy']],
    [null, 500, []],
    ['login_needed', 403, []],
  ])('%s with status %d is told to whom it concerns', async (code, status, expected) => {
    const told: string[] = [];
    whenRefused((what) => told.push(what));
    answer(refusal(code), status);
    await failure(getStreams());
    expect(told).toEqual(expected);
  });

  test('by a proxy that leads to a login of its own is one', async () => {
    const told = vi.fn();
    whenRefused(told);
    vi.stubGlobal('fetch', async () =>
      Object.defineProperty(new Response(), 'type', { value: 'opaqueredirect' }),
    );
    const error = await failure(getStreams());
    expect(error).toMatchObject({ kind: 'unauthorized', code: null, hostGone: false });
    expect(told).toHaveBeenCalledExactlyOnceWith('proxy');
  });

  test('of a login before the present one says nothing', async () => {
    const told = vi.fn();
    whenRefused(told);
    answer(refusal('login_needed'), 401);
    const asking = failure(getStreams());
    changed();
    await asking;
    expect(told).not.toHaveBeenCalled();
  });
});

test('every request says that it is the page’s', async () => {
  const fetching = answer(JSON.stringify(STREAMS));
  await getStreams();
  const headers = new Headers(fetching.mock.calls[0]?.[1]?.headers);
  expect(headers.get('f1-streams-page')).toBe('1');
});

test('a refresh is a POST without a token', async () => {
  const fetching = answer('{"queued":true,"retry_after_seconds":null}', 202);
  expect(await refreshStreams()).toMatchObject({ queued: true });
  const init = fetching.mock.calls[0]?.[1];
  expect(init?.method).toBe('POST');
  expect(new Headers(init?.headers).has('authorization')).toBe(false);
});
