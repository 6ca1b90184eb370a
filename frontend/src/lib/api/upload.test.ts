import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { whenRefused } from './asker';
import { putPlugin } from './upload';

/** As much of an XMLHttpRequest as the upload uses, driven by the test. */
class FakeRequest {
  static last: FakeRequest;
  upload: { onprogress?: (event: object) => void; onload?: () => void } = {};
  headers = new Map<string, string>();
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  ontimeout?: () => void;
  timeout = 0;
  status = 0;
  responseText = '';
  opened: string[] = [];
  body: unknown;

  constructor() {
    FakeRequest.last = this;
  }
  open(...what: string[]) {
    this.opened = what;
  }
  setRequestHeader(name: string, value: string) {
    this.headers.set(name, value);
  }
  send(body: unknown) {
    this.body = body;
  }
  abort() {
    this.onabort?.();
  }
  answer(status: number, text: string) {
    this.status = status;
    this.responseText = text;
    this.onload?.();
  }
}

beforeEach(() => vi.stubGlobal('XMLHttpRequest', FakeRequest));
afterEach(() => vi.unstubAllGlobals());

const FILE = new Blob(['\0asm']);
const put = (onsent: (part: number) => void = () => {}) => putPlugin('site-a', FILE, onsent);

test('puts the file as it is, by the page and with no token', () => {
  put();
  expect(FakeRequest.last.opened).toEqual(['PUT', '/api/admin/plugins/site-a']);
  expect(FakeRequest.last.headers.get('f1-streams-page')).toBe('1');
  expect(FakeRequest.last.headers.has('authorization')).toBe(false);
  expect(FakeRequest.last.body).toBe(FILE);
  expect(FakeRequest.last.timeout).toBeGreaterThan(60_000);
});

test('tells how much was sent, and the end', () => {
  const parts: number[] = [];
  put((part) => parts.push(part));
  FakeRequest.last.upload.onprogress?.({ loaded: 1, total: 4 });
  FakeRequest.last.upload.onprogress?.({ loaded: 0, total: 0 });
  FakeRequest.last.upload.onload?.();
  expect(parts).toEqual([0.25, 0, 1]);
});

test('gives the verdict', async () => {
  const { answer } = put();
  FakeRequest.last.answer(200, '{"digest":"ab","version":"1.4.0","size":4}');
  expect(await answer).toEqual({ digest: 'ab', version: '1.4.0', size: 4 });
});

test.each<[string, (request: FakeRequest) => void, object]>([
  [
    'a refusal with its code',
    (request) => request.answer(422, '{"error":{"code":"contract","message":"no export"}}'),
    { kind: 'refused', code: 'contract', message: 'no export' },
  ],
  [
    'a proxy in between',
    (r) => r.answer(413, '<h1>Too large</h1>'),
    { kind: 'refused', code: null },
  ],
  ['a login that ended', (r) => r.answer(401, '{}'), { kind: 'unauthorized' }],
  ['an answer of another kind', (r) => r.answer(200, '{}'), { kind: 'invalid' }],
  ['a broken connection', (r) => r.onerror?.(), { kind: 'unreachable' }],
  ['no answer in time', (r) => r.ontimeout?.(), { kind: 'timeout' }],
])('%s', async (_, happen, expected) => {
  const { answer } = put();
  happen(FakeRequest.last);
  await expect(answer).rejects.toMatchObject(expected);
});

test('can be stopped', async () => {
  const { answer, stop } = put();
  stop();
  await expect(answer).rejects.toMatchObject({ kind: 'stopped' });
});

test('says that the admin’s login has ended', async () => {
  const told = vi.fn();
  whenRefused(told);
  const { answer } = put();
  FakeRequest.last.answer(401, '{"error":{"code":"unauthorized","message":"no"}}');
  await expect(answer).rejects.toMatchObject({ code: 'unauthorized' });
  expect(told).toHaveBeenCalledExactlyOnceWith('admin');
});
