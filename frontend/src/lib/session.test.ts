import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ADMIN, NOBODY, aLogin } from './a-login';
import type { Login } from './api/types';
// Here, too, so that no test waits while they are compiled.
import './api/admin';
import './session.svelte';

/** What the host says, by request line. */
let host: Record<string, () => Response | Promise<Response>>;
let asked: { line: string; init: RequestInit }[];

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status });
const refusal = (status: number, code: string): Response =>
  json({ error: { code, message: `host says ${code}` } }, status);
const says = (login: Login) => () => json(login);
const gone = () => Promise.reject(new TypeError('Failed to fetch'));
const lines = () => asked.map(({ line }) => line);

/** Fresh modules: the store, and what tells it of refusals. */
async function fresh(first: Login | null = null) {
  vi.resetModules();
  const { session } = await import('./session.svelte');
  const { getStreams } = await import('./api/client');
  const { getAdminPlugins } = await import('./api/admin');
  const left: string[] = [];
  session.onleave('viewer', () => left.push('viewer'));
  session.onleave('admin', () => left.push('admin'));
  if (first !== null) {
    host['GET /api/session'] = says(first);
    await session.refresh();
    asked = [];
  }
  const ask = (what: () => Promise<unknown>) => what().catch(() => {});
  return { session, left, watch: () => ask(getStreams), manage: () => ask(getAdminPlugins) };
}

beforeEach(() => {
  asked = [];
  host = {
    'GET /api/streams': () => refusal(401, 'login_needed'),
    'GET /api/admin/plugins': () => refusal(401, 'unauthorized'),
    'POST /logout': () => new Response(null, { status: 204 }),
  };
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const line = `${init.method} ${path}`;
    asked.push({ line, init });
    return (host[line] ?? gone)();
  });
});

afterEach(() => vi.unstubAllGlobals());

describe('at the start', () => {
  test('nothing is decided before the first answer', async () => {
    const { session } = await fresh();
    expect(session.loading).toBe(true);
    host['GET /api/session'] = says(NOBODY);
    await session.refresh();
    expect(session.loading).toBe(false);
    expect(session.viewer).toBe(false);
    expect(session.ended).toBe(false);
  });

  test('a host that cannot be reached keeps nobody from the page', async () => {
    const { session } = await fresh();
    await session.refresh();
    expect(session.loading).toBe(false);
    expect(session.viewer).toBe(true);
    expect(session.admin).toBe(false);
    expect(session.error?.hostGone).toBe(true);
  });

  test('what it refuses after that makes it asked again', async () => {
    const { session, watch } = await fresh();
    await session.refresh();
    host['GET /api/session'] = says(NOBODY);
    await watch();
    await session.refresh();
    expect(session.viewer).toBe(false);
  });

  test.each<[string, Partial<Login>]>([
    ['no mode', { viewers: undefined as never }],
    ['a name that is none', { name: 7 as never }],
    ['no word on the admin', { admin: undefined as never }],
  ])('an answer with %s is none', async (_, more) => {
    const { session } = await fresh();
    host['GET /api/session'] = says(aLogin(more));
    await session.refresh();
    expect(session.error?.kind).toBe('invalid');
  });
});

describe('who is there', () => {
  test.each<[string, Login, string | null, boolean]>([
    ['a viewer with a token', aLogin(), 'anna', true],
    ['a viewer whose token has no name', aLogin({ name: null }), 'Viewer', true],
    ['nobody', NOBODY, null, false],
    ['the admin', ADMIN, 'Admin', true],
    ['whom the proxy names', aLogin({ viewers: 'forward' }), 'anna', false],
    ['the admin behind a proxy', { ...ADMIN, viewers: 'forward' }, 'Admin', true],
    ['anybody', aLogin({ viewers: 'open', name: null }), null, false],
    ['the admin on this machine', { ...ADMIN, viewers: 'loopback' }, 'Admin', true],
  ])('%s', async (_, login, who, loggedIn) => {
    const { session } = await fresh(login);
    expect(session.who).toBe(who);
    expect(session.loggedIn).toBe(loggedIn);
  });
});

describe('a login', () => {
  test('goes by the body, and the host is asked who that is', async () => {
    const { session } = await fresh(NOBODY);
    host['POST /login'] = says(aLogin());
    host['GET /api/session'] = says(aLogin());
    await session.logIn('a token');
    expect(lines()).toEqual(['POST /login', 'GET /api/session']);
    const init = asked[0]?.init;
    expect(init?.body).toBe('{"token":"a token"}');
    const headers = new Headers(init?.headers);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('f1-streams-page')).toBe('1');
    expect(session.who).toBe('anna');
  });

  test('leaves no token in the page’s storage', async () => {
    const set = vi.fn();
    const storage = { getItem: () => null, setItem: set, removeItem: () => {} };
    vi.stubGlobal('sessionStorage', storage);
    vi.stubGlobal('localStorage', storage);
    const { session } = await fresh(NOBODY);
    host['POST /login'] = says(ADMIN);
    host['GET /api/session'] = says(ADMIN);
    await session.logIn('a token');
    expect(session.admin).toBe(true);
    expect(set).not.toHaveBeenCalled();
    expect(JSON.stringify(session)).not.toContain('a token');
  });

  test('that is refused changes nothing and ends nothing', async () => {
    const { session, left } = await fresh(aLogin());
    host['POST /login'] = () => refusal(401, 'token_wrong');
    await expect(session.logIn('wrong')).rejects.toMatchObject({ code: 'token_wrong' });
    expect(session.viewer).toBe(true);
    expect(left).toEqual([]);
    expect(lines()).toEqual(['POST /login']);
  });

  test('that the browser does not keep is promised and not there', async () => {
    const { session } = await fresh(NOBODY);
    host['POST /login'] = says(aLogin());
    expect(await session.logIn('a token')).toMatchObject({ viewer: true });
    expect(session.viewer).toBe(false);
  });

  test('after which the host is gone is an error', async () => {
    const { session } = await fresh(NOBODY);
    host['POST /login'] = says(aLogin());
    host['GET /api/session'] = gone;
    await expect(session.logIn('a token')).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('a logout', () => {
  test('forgets what was seen, and does not call it ended', async () => {
    const { session, left } = await fresh(ADMIN);
    host['GET /api/session'] = says(NOBODY);
    await session.logOut();
    expect(lines()).toEqual(['POST /logout', 'GET /api/session']);
    expect(left).toEqual(['viewer', 'admin']);
    expect(session.viewer).toBe(false);
    expect(session.ended).toBe(false);
  });

  test('of the admin leaves a viewer where no login is needed to watch', async () => {
    const open = { ...ADMIN, viewers: 'open' } as const;
    const { session, left } = await fresh(open);
    host['GET /api/session'] = gone;
    await session.logOut();
    expect(left).toEqual(['admin']);
    expect(session.viewer).toBe(true);
    expect(session.admin).toBe(false);
  });

  test('is not undone by an answer that was on its way before it', async () => {
    const { session } = await fresh(ADMIN);
    const answers: ((response: Response) => void)[] = [];
    host['GET /api/session'] = () => new Promise((resolve) => answers.push(resolve));
    const before = session.refresh();
    const leaving = session.logOut();
    await vi.waitFor(() => expect(session.viewer).toBe(false));
    answers[0]?.(json(ADMIN));
    await before;
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    expect(session.viewer).toBe(false);
    answers[1]?.(json(NOBODY));
    await leaving;
    expect(session.ended).toBe(false);
  });

  test('that the host never hears of is none', async () => {
    const { session, left } = await fresh(ADMIN);
    host['POST /logout'] = gone;
    await expect(session.logOut()).rejects.toMatchObject({ kind: 'unreachable' });
    expect(session.admin).toBe(true);
    expect(left).toEqual([]);
  });
});

describe('a refusal', () => {
  test('of a viewer ends the login, and does not ask again at once', async () => {
    const { session, left, watch } = await fresh(ADMIN);
    await watch();
    expect(session.viewer).toBe(false);
    expect(session.admin).toBe(false);
    expect(session.ended).toBe(true);
    expect(left).toEqual(['viewer', 'admin']);
    expect(lines()).toEqual(['GET /api/streams']);
  });

  test('of the admin leaves who may watch without a login', async () => {
    const { session, left, manage } = await fresh({ ...ADMIN, viewers: 'loopback' });
    await manage();
    expect(session.viewer).toBe(true);
    expect(session.admin).toBe(false);
    expect(session.ended).toBe(true);
    expect(left).toEqual(['admin']);
  });

  test('of the admin is one of the viewer where that was the login', async () => {
    const { session, manage } = await fresh(ADMIN);
    await manage();
    expect(session.viewer).toBe(false);
  });

  test('by the proxy in front is one where the proxy says who may watch', async () => {
    host['GET /api/streams'] = () => new Response('<h1>No</h1>', { status: 401 });
    const forward = await fresh(aLogin({ viewers: 'forward' }));
    await forward.watch();
    expect(forward.session.viewer).toBe(false);
    const token = await fresh(aLogin());
    await token.watch();
    expect(token.session.viewer).toBe(true);
  });

  test('of who never was logged in ends nothing', async () => {
    const { session, watch } = await fresh(aLogin({ viewers: 'open', name: null }));
    await watch();
    expect(session.viewer).toBe(false);
    expect(session.ended).toBe(false);
  });

  test('is over when the host knows somebody again', async () => {
    const { session, watch } = await fresh(aLogin());
    await watch();
    await session.refresh();
    expect(session.viewer).toBe(true);
    expect(session.ended).toBe(false);
  });
});
