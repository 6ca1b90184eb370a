import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiError as Error } from '../api/error';
import type { Accepted } from '../api/plugins';
import { ADMIN, NOBODY } from '../a-login';
import { aPlugin } from './a-plugin';

interface Put {
  key: string;
  file: Blob;
  onsent: (part: number) => void;
  resolve: (accepted: Accepted) => void;
  reject: (error: Error) => void;
}

const puts: Put[] = [];
let login = ADMIN;
// Of the same fresh modules as the store, which tells errors by their class.
let ApiError: typeof Error;

vi.mock('../api/upload', () => ({
  putPlugin: (key: string, file: Blob, onsent: (part: number) => void) => {
    let end!: Pick<Put, 'resolve' | 'reject'>;
    const answer = new Promise<Accepted>((resolve, reject) => (end = { resolve, reject }));
    puts.push({ key, file, onsent, ...end });
    return { answer, stop: () => end.reject(new ApiError('stopped', null, 'Stopped.')) };
  },
}));

async function fresh() {
  vi.resetModules();
  ({ ApiError } = await import('../api/error'));
  const { session } = await import('../session.svelte');
  const { uploads } = await import('./uploads.svelte');
  await session.refresh();
  return { session, uploads };
}

const file = (name: string): File => new File(['\0asm'], name);
const settle = () => new Promise((resolve) => setTimeout(resolve));
const ACCEPTED = { digest: 'ab'.repeat(32), version: '1.4.0', size: 4 };

beforeEach(() => {
  puts.length = 0;
  login = ADMIN;
  vi.stubGlobal('fetch', async (path: string) =>
    path === '/api/session'
      ? new Response(JSON.stringify(login))
      : new Response('{"directory":{},"plugins":[]}'),
  );
});
afterEach(() => vi.unstubAllGlobals());

test('a file is sent, checked and accepted', async () => {
  const { uploads } = await fresh();
  void uploads.add([file('site_a.wasm')]);
  await settle();
  const upload = uploads.list[0];
  expect(puts[0]?.key).toBe('site-a');
  expect(upload?.now).toEqual({ phase: 'sending', part: 0 });
  puts[0]?.onsent(0.5);
  expect(upload?.now).toEqual({ phase: 'sending', part: 0.5 });
  puts[0]?.onsent(1);
  expect(upload?.now).toEqual({ phase: 'checking' });
  expect(upload?.stoppable).toBe(false);
  puts[0]?.resolve(ACCEPTED);
  await settle();
  expect(upload?.now).toEqual({ phase: 'accepted', accepted: ACCEPTED });
});

test('files wait for each other, and a refused one holds nothing up', async () => {
  const { uploads } = await fresh();
  void uploads.add([file('a.wasm'), file('notes.txt'), file('b.wasm')]);
  await settle();
  expect(puts.map(({ key }) => key)).toEqual(['a']);
  puts[0]?.reject(new ApiError('refused', 'contract', 'no such import'));
  await settle();
  expect(puts.map(({ key }) => key)).toEqual(['a', 'b']);
  const [b, notes, a] = uploads.list;
  expect(a?.now).toEqual({ phase: 'refused', code: 'contract', message: 'no such import' });
  expect(notes?.now).toMatchObject({ phase: 'refused', code: 'name' });
  expect(b?.now).toMatchObject({ phase: 'sending' });
});

test('dropped on a plugin, a file is that plugin’s whatever its name', async () => {
  const { uploads } = await fresh();
  void uploads.add([file('fix.wasm')], 'site-a');
  await settle();
  expect(puts[0]?.key).toBe('site-a');
});

test('can be stopped while it is sent and while it waits', async () => {
  const { uploads } = await fresh();
  void uploads.add([file('a.wasm'), file('b.wasm')]);
  await settle();
  for (const upload of uploads.list) upload.stop();
  await settle();
  expect(puts).toHaveLength(1);
  expect(uploads.list.map(({ now }) => now.phase)).toEqual(['refused', 'refused']);
});

test('with the login ends what is under way, and what was shown is forgotten', async () => {
  const { session, uploads } = await fresh();
  void uploads.add([file('a.wasm'), file('b.wasm')]);
  await settle();
  login = NOBODY;
  await session.refresh();
  await settle();
  expect(uploads.list).toEqual([]);
  expect(puts).toHaveLength(1);
});

describe('the key', async () => {
  const { keyOf } = await import('./uploads.svelte');
  test.each([
    ['site-a.wasm', 'site-a'],
    ['site_a.wasm', 'site-a'],
    ['Site-A.WASM', 'site-a'],
    ['site-a (1).wasm', 'site-a'],
    ['site-a(12).wasm', 'site-a'],
    ['7.wasm', '7'],
    ['site-a.wasm.txt', null],
    ['site-a.cwasm', null],
    ['.wasm', null],
    ['-a.wasm', null],
    ['a b.wasm', null],
    ['ü.wasm', null],
    [`${'a'.repeat(63)}.wasm`, 'a'.repeat(63)],
    [`${'a'.repeat(64)}.wasm`, null],
  ])('of %s is %s', (name, expected) => expect(keyOf(name)).toBe(expected));
});

describe('an accepted file', async () => {
  const { fate } = await import('./uploads.svelte');
  const digest = 'cd'.repeat(32);
  const at = '2026-11-22T04:00:00Z';
  const held = { digest, version: '2', since: at, hosts: [], secrets: [] };
  test.each([
    ['of an unknown plugin', undefined, null],
    ['not seen yet', aPlugin(), null],
    ['that serves', aPlugin({ digest }), 'It serves.'],
    ['with another prefix', aPlugin({ digest: `sha256:${digest}` }), 'It serves.'],
    ['on probation', aPlugin({ digest, state: 'probation' }), 'It serves, on probation.'],
    ['held', aPlugin({ held }), 'It waits for approval, below.'],
    [
      'in quarantine',
      aPlugin({ quarantined: { digest, reason: '', since: at } }),
      'It is quarantined and not used.',
    ],
    [
      'refused at last',
      aPlugin({ error: { digest, code: 'probe', message: '', at } }),
      'It was refused after all; the reason is below.',
    ],
  ])('%s', (_, plugin, expected) => expect(fate(digest, plugin)).toBe(expected));
});
