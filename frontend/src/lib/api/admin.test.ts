import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  actOn,
  getAdminPlugins,
  getAdminSchedule,
  getAttachment,
  getBundle,
  getPluginEvents,
  openEvents,
  runSite,
} from './admin';
import { ApiError } from './error';

const PLUGIN = { key: 'site-a', hosts: [], secrets: [], sites: [], held: null };

function answer(body: string, init: ResponseInit = {}) {
  const fetching = vi.fn<typeof fetch>(async () => new Response(body, init));
  vi.stubGlobal('fetch', fetching);
  return fetching;
}

function asked(fetching: ReturnType<typeof answer>): [string, string, string | null, boolean] {
  const [url, init] = fetching.mock.calls[0] ?? [];
  const headers = new Headers(init?.headers);
  const page = headers.get('f1-streams-page');
  return [init?.method ?? '', String(url), page, headers.has('authorization')];
}

afterEach(() => vi.unstubAllGlobals());

describe('is asked for by the page, with no token', () => {
  test.each<[string, string, string, () => Promise<unknown>]>([
    ['GET', '/api/admin/plugins', '{"directory":{},"plugins":[]}', getAdminPlugins],
    [
      'GET',
      '/api/admin/schedule',
      '{"sources":[],"disagreements":[],"unmatched":[],"changes":[]}',
      getAdminSchedule,
    ],
    [
      'POST',
      '/api/admin/plugins/site-a/rollback',
      JSON.stringify({ plugin: PLUGIN }),
      () => actOn('site-a', 'rollback'),
    ],
    [
      'POST',
      '/api/admin/plugins/site-a/approve?digest=ab%26c',
      JSON.stringify({ plugin: PLUGIN }),
      () => actOn('site-a', 'approve', 'ab&c'),
    ],
    ['GET', '/api/admin/plugins/site-a/events', '{"events":[]}', () => getPluginEvents('site-a')],
    ['POST', '/api/admin/sites/site-a/run', '', () => runSite('site-a')],
    ['GET', '/api/admin/diagnostics/..%2Fa%3F.json', 'x', () => getBundle('../a?.json')],
    ['GET', '/api/admin/sites/site-a/attachments/2', 'x', () => getAttachment('site-a', 2)],
  ])('%s %s', async (method, path, body, ask) => {
    const fetching = answer(body);
    await ask();
    expect(asked(fetching)).toEqual([method, path, '1', false]);
  });
});

describe('an overview', () => {
  test.each([
    ['a plugin without secrets', { ...PLUGIN, secrets: undefined }],
    ['a held version without hosts', { ...PLUGIN, held: { secrets: [] } }],
    ['a site without attachments', { ...PLUGIN, sites: [{ granted: [] }] }],
    [
      'a run without refusals',
      { ...PLUGIN, sites: [{ granted: [], attachments: [], last_run: {} }] },
    ],
  ])('with %s is invalid and not an exception of the page', async (_, plugin) => {
    answer(JSON.stringify({ directory: {}, plugins: [plugin] }));
    await expect(getAdminPlugins()).rejects.toMatchObject({ kind: 'invalid' });
  });

  test('of plugins that were never loaded is fine', async () => {
    answer(JSON.stringify({ directory: {}, plugins: [PLUGIN] }));
    expect((await getAdminPlugins()).plugins).toHaveLength(1);
  });
});

test('an action that the host refuses keeps its code', async () => {
  answer('{"error":{"code":"nothing_to_roll_back","message":"no"}}', { status: 409 });
  const error = await actOn('site-a', 'rollback').catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ kind: 'refused', code: 'nothing_to_roll_back' });
});

describe('the event stream', () => {
  test('is asked for as one', async () => {
    const fetching = answer(': hi\n\n', { headers: { 'content-type': 'text/event-stream' } });
    await openEvents(new AbortController().signal);
    expect(asked(fetching)).toEqual(['GET', '/api/admin/events', '1', false]);
    const headers = new Headers(fetching.mock.calls[0]?.[1]?.headers);
    expect(headers.get('accept')).toBe('text/event-stream');
  });

  test('of another type is none', async () => {
    answer('<html>', { headers: { 'content-type': 'text/html' } });
    const opened = openEvents(new AbortController().signal);
    await expect(opened).rejects.toMatchObject({ kind: 'invalid' });
  });
});
