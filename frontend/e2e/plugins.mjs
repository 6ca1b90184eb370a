// The admin API's answers as its contract says them, for states that a running
// system is not easily brought into.

import { createHash } from 'node:crypto';

const HOUR = 3_600_000;

/** An RFC 3339 time, so many milliseconds from now. */
export function at(fromNow) {
  return new Date(Date.now() + fromNow).toISOString();
}

export function digest(of) {
  return createHash('sha256').update(of).digest('hex');
}

export function site(key, more = {}) {
  return {
    key,
    enabled: true,
    error: null,
    last_run: {
      started_at: at(-40_000),
      duration_ms: 312,
      outcome: 'ok',
      message: null,
      streams: 3,
      refused: [],
    },
    next_run_at: at(80_000),
    granted: ['site.example', 'cdn.example'],
    failing_since: null,
    last_ok_at: at(-40_000),
    bundle: null,
    attachments: [],
    ...more,
  };
}

export function plugin(key, more = {}) {
  return {
    key,
    state: 'live',
    name: null,
    version: '1.3.0',
    digest: digest(`${key} 1.3.0`),
    size: 184_320,
    generation: 4,
    since: at(-3 * HOUR),
    hosts: ['site.example', 'cdn.example'],
    secrets: [],
    calls: 214,
    faults: 0,
    error: null,
    breaker: null,
    previous: null,
    held: null,
    quarantined: null,
    sites: [site(key)],
    ...more,
  };
}

/** A plugin of which there is nothing but a file that does not work. */
export function refused(key, more = {}) {
  const nothing = { version: null, digest: null, size: null, generation: null, since: null };
  return plugin(key, { ...nothing, state: 'refused', hosts: [], calls: 0, sites: [], ...more });
}

export function overview(plugins, more = {}) {
  return {
    poll_seconds: 5,
    directory: { path: 'data/plugins', error: null, checked_at: at(-2_000) },
    grants: 'explicit',
    plugins,
    ...more,
  };
}

export const BACKTRACE = `error while executing at wasm backtrace:
    0: 0x2f1c - site_b::page::token::h41d7
    1: 0x5a07 - site_b::extract::h90ab
    2: 0x9c33 - f1-streams:extractor/extractor@1.0.0#extract

Caused by:
    wasm trap: wasm \`unreachable\` instruction executed`;

/** One plugin in each state that an operator may meet. */
export function everyState() {
  const failed = {
    started_at: at(-15_000),
    duration_ms: 1_840,
    outcome: 'layout_changed',
    message: 'no element matches #player script',
    streams: 0,
    refused: [],
  };
  return [
    plugin('site-a', {
      name: 'Site A',
      previous: { version: '1.2.0', digest: digest('site-a 1.2.0') },
      sites: [
        site('site-a', {
          last_run: failed,
          failing_since: at(-25 * 60_000),
          last_ok_at: at(-27 * 60_000),
          next_run_at: at(45_000),
          bundle: { name: 'site-a-20261122T041500Z.json', at: at(-25 * 60_000), bytes: 48_211 },
          attachments: [{ name: 'page.html', media_type: 'text/html', bytes: 20_480 }],
        }),
        site('site-a-mirror', { granted: ['site.example'] }),
      ],
    }),
    plugin('site-b', {
      name: 'Site B',
      faults: 5,
      secrets: ['password', 'user'],
      error: { code: 'trap', message: BACKTRACE, at: at(-30_000), digest: null },
      breaker: { open_until: at(184_000), faults: 5 },
      previous: { version: '1.2.4', digest: digest('site-b 1.2.4') },
      sites: [
        site('site-b', {
          last_run: { ...failed, outcome: 'trap', message: BACKTRACE },
          failing_since: at(-30_000),
        }),
      ],
    }),
    plugin('m3u', {
      state: 'held',
      name: 'M3U lists',
      hosts: ['*'],
      held: {
        version: '1.4.0',
        digest: digest('m3u 1.4.0'),
        since: at(-4 * 60_000),
        hosts: ['api.lists.example', '*.cdn.example'],
        secrets: ['list-key'],
      },
      sites: [
        site('lists', {
          last_run: {
            started_at: at(-20_000),
            duration_ms: 120,
            outcome: 'ok',
            message: null,
            streams: 12,
            refused: [{ id: 'c-17', code: 'url_scheme', message: 'its URL is not http or https' }],
          },
        }),
      ],
    }),
    plugin('owncast', {
      state: 'probation',
      generation: 7,
      since: at(-20_000),
      calls: 0,
      quarantined: {
        digest: digest('owncast 1.3.1'),
        reason: 'rolled back: trap in its first run',
        since: at(-90_000),
      },
    }),
    plugin('peertube', { state: 'disabled', hosts: ['tube.example'] }),
    refused('page', {
      error: {
        code: 'contract',
        message:
          'it does not fit the contract f1-streams:extractor@1: it imports wasi:sockets/tcp@0.2.0',
        at: at(-8 * 60_000),
        digest: digest('page broken'),
      },
    }),
    refused('mediamtx', {
      state: 'missing',
      sites: [
        site('mediamtx', { last_run: null, next_run_at: null, granted: [], last_ok_at: null }),
      ],
    }),
  ];
}

export function history() {
  const event = (minutes, kind, message, version) => ({
    at: at(-minutes * 60_000),
    kind,
    message,
    version,
    digest: version === null ? null : digest(version),
  });
  return [
    event(4, 'held', 'asks for 2 more hosts and 1 more secret', '1.4.0'),
    event(4, 'seen', '', '1.4.0'),
    event(180, 'settled', 'brought its first stream', '1.3.0'),
    event(181, 'live', 'generation 4', '1.3.0'),
    event(1_500, 'rolled_back', 'trap in its first run', '1.2.1'),
  ];
}

/**
 * Answers the whole admin API in the place of the host. `admin.plugins` may be
 * changed at any time; `admin.asked` lists what was asked for as "POST /path".
 * The event stream is refused unless `admin.events` is set to its text.
 */
export async function stubAdmin(page, plugins, more = {}) {
  const admin = { plugins, more, asked: [], events: null, put: null, acted: null };
  await page.route('**/api/admin/**', async (route) => {
    const request = route.request();
    const { pathname, search } = new URL(request.url());
    const path = pathname.replace('/api/admin', '');
    admin.asked.push(`${request.method()} ${path}${search}`);
    const json = (body, status = 200) => route.fulfill({ status, json: body });
    const [, kind, key, what] = path.split('/');
    if (path === '/plugins') return json(overview(admin.plugins, admin.more));
    if (path === '/plugins/reload') return json({ queued: true }, 202);
    if (path === '/events') {
      if (admin.events === null) return json({ error: { code: 'busy', message: 'no' } }, 503);
      return route.fulfill({ contentType: 'text/event-stream', body: admin.events });
    }
    if (kind === 'plugins' && what === 'events') return json({ events: history() });
    if (kind === 'plugins' && request.method() === 'PUT') return json(...admin.put(key, request));
    if (kind === 'plugins') return json(...admin.acted(key, what));
    if (kind === 'sites' && what === 'run') return json({ queued: true }, 202);
    return route.fulfill({ contentType: 'application/octet-stream', body: 'kept by the host' });
  });
  return admin;
}
