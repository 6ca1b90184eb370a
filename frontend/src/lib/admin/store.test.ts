import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Plugin } from '../api/plugins';
import { ADMIN, NOBODY } from '../a-login';
import { aPlugin } from './a-plugin';

/** A host by request line; a handler may answer anew each time. */
let host: Record<string, () => Response>;
let asked: string[];
let events: ReadableStreamDefaultController<Uint8Array> | null;
let plugins: Plugin[];

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status });
const refusal = (status: number, code: string): Response =>
  json({ error: { code, message: `host says ${code}` } }, status);
const overview = (): Response =>
  json({ poll_seconds: 5, directory: { path: 'p', error: null, checked_at: null }, plugins });

function stream(): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (events = controller),
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function say(text: string): void {
  events?.enqueue(new TextEncoder().encode(text));
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const lists = () => asked.filter((line) => line === 'GET /api/admin/plugins').length;

async function fresh() {
  vi.resetModules();
  const { session } = await import('../session.svelte');
  const { admin } = await import('./store.svelte');
  const { actions } = await import('./actions.svelte');
  await session.refresh();
  asked = [];
  return { session, admin, actions };
}

beforeEach(() => {
  vi.useFakeTimers();
  const tab = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  vi.stubGlobal('document', tab);
  asked = [];
  events = null;
  plugins = [aPlugin()];
  host = {
    'GET /api/session': () => json(ADMIN),
    'GET /api/admin/plugins': overview,
    'GET /api/admin/events': stream,
  };
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const line = `${init.method} ${path}`;
    asked.push(line);
    return host[line]?.() ?? refusal(404, 'no_such_thing');
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the list', () => {
  test('follows the events: one question for a burst, and more rarely by the clock', async () => {
    const { admin } = await fresh();
    const stop = admin.watch();
    await pass(1_000);
    expect(admin.live.state).toBe('live');
    const before = lists();
    for (let i = 0; i < 20; i += 1) say('event: plugins\ndata: {"key":"site-a"}\n\n');
    say('event: sites\ndata: {"key":"site-a","outcome":"trap"}\n\n');
    await pass(1_000);
    expect(lists()).toBe(before + 1);
    expect(admin.news.get('site-a')).toBe(20);
    await pass(5_000);
    expect(lists()).toBe(before + 2);
    stop();
  });

  test('is asked for every two seconds where there is no stream', async () => {
    host['GET /api/admin/events'] = () => refusal(503, 'busy');
    const { admin, session } = await fresh();
    const stop = admin.watch();
    await pass(20_000);
    expect(admin.live.state).toBe('polling');
    const before = lists();
    await pass(8_000);
    expect(lists()).toBeGreaterThanOrEqual(before + 4);
    expect(session.admin).toBe(true);
    stop();
  });

  test.each(['no json', '[]', '{"key":7}', '{}'])('an event with %s is only news', async (data) => {
    const { admin } = await fresh();
    const stop = admin.watch();
    await pass(1_000);
    const before = lists();
    say(`event: plugins\ndata: ${data}\n\n`);
    await pass(1_000);
    expect(lists()).toBe(before + 1);
    expect(admin.news.size).toBe(0);
    expect(admin.live.state).toBe('live');
    stop();
  });
});

describe('the login', () => {
  test('that is refused has ended, and what it showed is gone', async () => {
    const { admin, session } = await fresh();
    await admin.plugins.refresh();
    admin.said = 'The plugins directory is being read again.';
    host['GET /api/admin/plugins'] = () => refusal(401, 'unauthorized');
    await admin.plugins.refresh();
    expect(session.admin).toBe(false);
    expect(session.ended).toBe(true);
    expect(admin.plugins.data).toBeNull();
    expect(admin.said).toBe('');
  });

  test('that ended is not asked with again', async () => {
    const { admin, session } = await fresh();
    host['GET /api/session'] = () => json(NOBODY);
    await session.refresh();
    admin.expect();
    await pass(10_000);
    expect(lists()).toBe(0);
  });

  test('of a host that has no admin any more says so', async () => {
    const { admin, session } = await fresh();
    host['GET /api/admin/plugins'] = () => refusal(404, 'not_found');
    host['GET /api/session'] = () => json({ ...NOBODY, has_admin: false });
    await admin.plugins.refresh();
    await pass(0);
    expect(session.hasAdmin).toBe(false);
    expect(session.admin).toBe(false);
  });
});

describe('an action', () => {
  const rollback = 'POST /api/admin/plugins/site-a/rollback';

  test('shows its answer at once and asks for the list', async () => {
    const { admin, actions } = await fresh();
    await admin.plugins.refresh();
    plugins = [aPlugin({ version: '1.2.0' })];
    host[rollback] = () => json({ plugin: plugins[0] });
    const acting = actions.act('site-a', 'rollback');
    expect(actions.busy.get('site-a')).toBe('rollback');
    await acting;
    expect(admin.plugins.data?.plugins[0]?.version).toBe('1.2.0');
    expect(actions.said.get('site-a')).toEqual({
      good: true,
      text: 'The version before takes over.',
    });
    expect(actions.busy.size).toBe(0);
    const before = lists();
    await pass(1_000);
    expect(lists()).toBe(before + 1);
  });

  test('pressed twice is sent once', async () => {
    const { actions } = await fresh();
    host[rollback] = () => json({ plugin: aPlugin() });
    await Promise.all([actions.act('site-a', 'rollback'), actions.act('site-a', 'rollback')]);
    expect(asked.filter((line) => line === rollback)).toHaveLength(1);
  });

  test.each([
    [409, 'nothing_to_roll_back', 'There is no earlier version to go back to.'],
    [404, 'no_such_plugin', 'There is no such plugin any more.'],
    [500, 'odd', 'host says odd'],
  ])('refused with %d %s is said in words and ends no session', async (status, code, text) => {
    const { actions, session } = await fresh();
    host[rollback] = () => refusal(status, code);
    await actions.act('site-a', 'rollback');
    expect(actions.said.get('site-a')).toEqual({ good: false, text });
    expect(session.admin).toBe(true);
    expect(session.hasAdmin).toBe(true);
  });

  test('a run of a site is asked for', async () => {
    const { actions } = await fresh();
    host['POST /api/admin/sites/mirror/run'] = () => json({}, 202);
    await actions.run('mirror');
    expect(actions.siteSaid.get('mirror')).toMatchObject({ good: true });
    await actions.run('gone');
    expect(actions.siteSaid.get('gone')).toMatchObject({ good: false });
  });

  test('Reload asks for the list only afterwards, and says what it did', async () => {
    const { admin } = await fresh();
    host['POST /api/admin/plugins/reload'] = () => json({ queued: true }, 202);
    await admin.reload();
    expect(asked).toEqual(['POST /api/admin/plugins/reload', 'GET /api/admin/plugins']);
    expect(admin.said).toBe('The plugins directory is being read again.');
  });
});

test('a download becomes a file of the host’s bytes under its name, and nothing to render', async () => {
  const { actions } = await fresh();
  host['GET /api/admin/diagnostics/a.json'] = () =>
    new Response('<script>', { headers: { 'content-type': 'text/html' } });
  const made: Blob[] = [];
  vi.stubGlobal('URL', {
    createObjectURL: (blob: Blob) => `blob:${made.push(blob)}`,
    revokeObjectURL: vi.fn(),
  });
  const link = { href: '', download: '', click: vi.fn() };
  Object.assign(document, { createElement: () => link });
  await actions.saveBundle('site-a', 'a.json');
  expect(link).toMatchObject({ href: 'blob:1', download: 'a.json' });
  expect(link.click).toHaveBeenCalledOnce();
  expect(made[0]?.type).toBe('application/octet-stream');
  expect(await made[0]?.text()).toBe('<script>');
});
