// What needs no host, by `node --test`. The rest runs in the cases of plugins.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layoutChanged } from '../error.js';
import { id } from '../id.js';
import { Mismatch, shaped } from '../shape.js';
import { judge } from '../status.js';
import { hls } from '../stream.js';

const SHAPE = { url: 'string', 'height?': 'u32', list: [{ live: 'boolean' }] };

test('a value in its shape has what the shape names', () => {
  const value = { url: 'u', height: null, list: [{ live: true, more: 1 }], more: 1 };
  const expected = { url: 'u', height: undefined, list: [{ live: true }] };
  assert.deepEqual(shaped(value, SHAPE), expected);
  assert.equal(shaped({ url: 'u', height: 720, list: [] }, SHAPE).height, 720);
});

test('the first wrong place is named', () => {
  for (const [value, place] of [
    [[], ''],
    [null, ''],
    [{}, '/url'],
    [{ url: null, list: [] }, '/url'],
    [{ url: 'u', height: '720', list: [] }, '/height'],
    [{ url: 'u', height: -1, list: [] }, '/height'],
    [{ url: 'u', height: 1.5, list: [] }, '/height'],
    [{ url: 'u', list: {} }, '/list'],
    [{ url: 'u', list: [{ live: true }, { live: 1 }] }, '/list/1/live'],
    [JSON.parse('{"__proto__":{"url":"u"},"list":[]}'), '/url'],
  ]) {
    const wrong = (error) => error instanceof Mismatch && error.message === place;
    assert.throws(() => shaped(value, SHAPE), wrong, JSON.stringify(value));
  }
  assert.throws(() => shaped({}, { 'a/b': 'any' }), { message: '/a~1b' });
});

test('each status has its case', () => {
  const judged = (status, headers = [], body = '') => {
    try {
      judge({ status, headers, body: new TextEncoder().encode(body) });
      return undefined;
    } catch ({ payload: { tag, val } }) {
      return val === undefined ? tag : `${tag} ${val}`;
    }
  };
  for (const [status, expected] of [
    [200, undefined],
    [302, undefined],
    [401, 'blocked login-required'],
    [403, 'blocked forbidden'],
    [404, 'not-found'],
    [405, 'layout-changed status 405'],
    [410, 'not-found'],
    [429, 'rate-limited'],
    [451, 'blocked geo'],
    [500, 'network the site answered 500'],
    [503, 'network the site answered 503'],
  ]) {
    assert.equal(judged(status), expected);
  }
  assert.equal(judged(503, [['retry-after', ' 2 ']]), 'rate-limited 2000');
  assert.equal(judged(429, [['retry-after', '-1']]), 'rate-limited');
  assert.equal(judged(429, [['retry-after', '4294967295']]), 'rate-limited 4294967295');
  assert.equal(judged(403, [], '<title>Just a Moment...'), 'blocked challenge');
  assert.equal(judged(200, [], 'a captcha'), undefined);
  assert.equal(judged(200, [['cf-mitigated', 'challenge']]), 'blocked challenge');
});

test('ids are those of the Rust SDK', () => {
  for (const [text, expected] of [
    ['main_1', 'main_1'],
    ['live.example:8080', 'live-example-8080'],
    ['  Sky – F1 (HD)!', 'Sky-F1-HD'],
    ['--a--', 'a'],
    ['x'.repeat(100), 'x'.repeat(64)],
    ['', 'scbf29ce484222325'],
    ['Матч', 's4424694849cf5c16'],
  ]) {
    assert.equal(id(text), expected);
  }
});

test('what is unknown of a stream stays absent', () => {
  const { label, quality, request } = hls({ id: 'main', url: 'u' });
  assert.deepEqual([label, quality, request.headerRules], ['main', undefined, []]);
  const known = hls({
    id: 'main',
    url: 'u',
    height: 720,
    headers: { Referer: 'r' },
    expiresAt: 1.5,
  });
  assert.equal(known.quality.height, 720);
  assert.deepEqual(known.request.headerRules, [{ hosts: [], headers: [['Referer', 'r']] }]);
  assert.equal(known.expiresAt, 1n);
});

test('a message is cut', () => {
  const { payload } = layoutChanged('é'.repeat(5000));
  assert.equal(payload.val, `${'é'.repeat(200)}…`);
});
