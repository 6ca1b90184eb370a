// hls.js by itself, a minute on streams of every kind that it knows, all at
// once: what our player page does besides is not in the way.

import assert from 'node:assert/strict';
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BASE_URL, foreign, launch, open, playing } from './system.mjs';

const PLUGINS = required('F1_PLUGINS_DIR');
const BUILT = required('F1_BUILT_PLUGINS_DIR');
const CONTROL = required('F1_TESTBED_CONTROL');
const SITES = join(dirname(PLUGINS), 'sites');
const HLS_JS = createRequire(import.meta.url).resolve('hls.js/dist/hls.js');

const KINDS = [
  'ts',
  'fmp4',
  'aes',
  'll',
  'demuxed',
  'ranges',
  'fmp4-ranges',
  'variables',
  'steering',
];
const TARGET_SECONDS = 2;
const MINUTE = 60_000;

describe('hls.js', () => {
  let browser;
  before(async () => {
    browser = await launch();
    await addStreams();
  });
  after(async () => {
    await browser?.close();
    await removeStreams();
  });

  test('plays a minute of each kind', async (t) => {
    const { context, page, requests, consoleErrors } = await open(browser, { bypassCSP: true });
    await page.goto('/');
    await page.addScriptTag({ path: HLS_JS });
    await page.evaluate(play, KINDS);
    await until('all of them play', () =>
      page.evaluate(() => {
        const waiting = window.players.filter((player) => !player.started());
        return waiting.length === 0 || waiting.map((one) => [one.kind, one.state()]);
      }),
    );
    // A busy machine may be short of time once: then there is no sound card's
    // clock, and all of them are slow alike.
    let minute = await playMinute(page);
    if (minute.slow.length > 0) {
      t.diagnostic(`again, after ${minute.slow.join('; ')}`);
      minute = await playMinute(page);
    }
    t.diagnostic(minute.seen.join('; '));
    assert.deepEqual(minute.fatal, []);
    assert.deepEqual(minute.slow, []);
    const { last, latencies } = minute;
    assert.deepEqual(foreign(requests), []);
    assert.deepEqual(consoleErrors, []);

    // Low latency was asked for, all the way to the origin, and had.
    const fetched = await log();
    const reloads = fetched.filter((one) => /\/ll\/.*_HLS_msn=\d+&_HLS_part=\d/.test(one.path));
    assert.ok(reloads.length > 100, `${reloads.length} blocking reloads`);
    assert.ok(reloads.every((one) => one.status === 200 || one.status === null));
    const worst = Math.max(...latencies);
    assert.ok(worst < 3 * TARGET_SECONDS, `${worst.toFixed(1)} s behind at the worst`);

    // Both languages were heard, and what is said is read when it is said.
    const { cues, audio } = last.demuxed;
    assert.equal(audio, 'de');
    // Of the second half: with another language it begins anew.
    assert.ok(cues >= 25, `${cues} cues`);
    assert.ok(Math.abs(last.demuxed.cueOffset) < 1.5, `a cue ${last.demuxed.cueOffset} s off`);
    for (const part of ['/audio-en/segment-', '/audio-de/segment-', '/text-en/segment-']) {
      assert.ok(
        fetched.some((one) => one.path.includes(part)),
        `${part} was fetched`,
      );
    }
    const key = fetched.filter((one) => /\/aes\/key-/.test(one.path));
    assert.ok(key.length >= 5, `${key.length} keys`);
    // Steering prefers the second pathway, and is asked again after its TTL.
    const steered = fetched.filter((one) => one.path.includes('steering.json'));
    assert.ok(steered.length >= 3, `${steered.length} steering manifests`);
    assert.ok(fetched.some((one) => /\/steering\/two\/.*\.ts/.test(one.path)));
    const ranges = fetched.filter((one) => /\/ranges\/.*\.ts/.test(one.path));
    assert.ok(ranges.length > 20 && ranges.every((one) => /\b206\b/.test(one.status)));
    await context.close();
  });

  test('a pathway may change while the first segment is on its way, on our page', async () => {
    const { context, page } = await open(browser);
    // The segment comes after the change and before the new pathway's playlist.
    const segment = event();
    const steered = event();
    await page.route('**/steering.json?*', async (route) => {
      await segment.happens;
      const response = await route.fetch();
      await route.fulfill({ response });
      steered.happened();
    });
    await page.route('**/*.ts?*', async (route) => {
      segment.happened();
      await steered.happens;
      await route.continue();
    });
    let playlists = 0;
    await page.route('**/proxy/*.m3u8?*', async (route) => {
      playlists += 1;
      if (playlists > 1) await page.waitForTimeout(500);
      await route.continue();
    });
    await page.goto('/watch?stream=kinds.steering');
    await playing(page, 8_000);
    const current = page.locator('[aria-current=true]');
    assert.equal(await current.getAttribute('data-stream'), 'kinds.steering');
    await context.close();
  });
});

/** Something that happens once. */
function event() {
  let happened;
  const happens = new Promise((done) => (happened = done));
  return { happens, happened };
}

/** What became of each kind within a minute; half-way another language is chosen. */
async function playMinute(page) {
  const first = await look(page);
  const ends = Date.now() + MINUTE;
  const latencies = [];
  let chosen = false;
  while (Date.now() < ends) {
    await page.waitForTimeout(2_000);
    latencies.push((await look(page)).ll.latency);
    if (!chosen && Date.now() > ends - MINUTE / 2) {
      chosen = true;
      await page.evaluate(() => window.players.find((one) => one.kind === 'demuxed').german());
    }
  }
  const last = await look(page);
  const minute = { last, latencies, seen: [], slow: [], fatal: [] };
  for (const kind of KINDS) {
    const { fatal, others, latency } = last[kind];
    const grew = last[kind].time - first[kind].time;
    const seen = `${kind}: ${grew.toFixed(1)} s, ${latency.toFixed(1)} s behind`;
    minute.seen.push([seen, ...others].join(', '));
    if (grew < 55) minute.slow.push(seen);
    minute.fatal.push(...fatal.map((what) => `${kind}: ${what}`));
  }
  return minute;
}

/** In the page: a player for each kind, small, so that painting costs little. */
function play(kinds) {
  const { Hls } = window;
  const played = ({ played: all }) => {
    let sum = 0;
    for (let at = 0; at < all.length; at += 1) sum += all.end(at) - all.start(at);
    return sum;
  };
  window.players = kinds.map((kind) => {
    const video = document.body.appendChild(document.createElement('video'));
    Object.assign(video, { muted: true, autoplay: true, width: 64, height: 36 });
    const hls = new Hls({ capLevelToPlayerSize: true, enableWorker: false });
    const fatal = [];
    const others = [];
    hls.on(Hls.Events.ERROR, (_, { fatal: isFatal, details, error, response }) => {
      const what = `${details} ${response?.code ?? ''} ${error?.message ?? ''}`;
      (isFatal ? fatal : others).push(what);
    });
    // As our page does: what is on its way when the pathway changes never comes.
    hls.on(Hls.Events.LEVELS_UPDATED, () =>
      setTimeout(() => {
        hls.stopLoad();
        hls.startLoad();
      }),
    );
    hls.attachMedia(video);
    hls.loadSource(`/streams/kinds.${kind}/master.m3u8`);
    return {
      kind,
      // Not at the first picture: players are busy with each other then.
      started: () => !video.paused && played(video) > 4,
      german: () => {
        hls.audioTrack = hls.audioTracks.findIndex((track) => track.lang === 'de');
      },
      state: () => {
        const cues = [...(video.textTracks[0]?.cues ?? [])];
        const now = video.currentTime;
        const cue = cues.find((one) => one.startTime <= now && now < one.endTime);
        // A cue's text is its time by the clock.
        const clock = hls.playingDate?.getTime();
        return {
          time: now,
          latency: hls.latency,
          audio: hls.audioTracks[hls.audioTrack]?.lang,
          cues: cues.length,
          cueOffset: cue && clock ? (clock - Date.parse(cue.text)) / 1000 : Number.NaN,
          fatal,
          others,
        };
      },
    };
  });
}

async function look(page) {
  const states = await page.evaluate(() =>
    window.players.map((player) => [player.kind, player.state()]),
  );
  return Object.fromEntries(states);
}

async function log() {
  return (await fetch(`${CONTROL}/log?role=cdn`)).json();
}

async function listed() {
  const { streams } = await (await fetch(`${BASE_URL}/api/streams`)).json();
  return streams.filter((stream) => stream.site === 'kinds' && stream.state === 'up');
}

/** The testbed's streams join the running system's catalog. */
async function addStreams() {
  const { cdn, site_a } = await (await fetch(`${CONTROL}/info`)).json();
  const streams = KINDS.map(
    (kind) => `
[[settings.streams]]
id = "${kind}"
url = "${cdn}/guarded/${kind}/master.m3u8?token=open"
headers = { Referer = "${site_a}/", Origin = "${site_a}" }
hosts = ["${cdn}", "${cdn.replace('cdn.test', 'cdn-two.test')}"]
`,
  );
  copyFileSync(join(BUILT, 'direct.wasm'), join(PLUGINS, '.direct.new'));
  renameSync(join(PLUGINS, '.direct.new'), join(PLUGINS, 'direct.wasm'));
  const head = 'plugin = "direct"\nallow_addresses = ["127.0.0.2/32"]\n';
  writeFileSync(join(SITES, '.kinds.new'), head + streams.join(''));
  renameSync(join(SITES, '.kinds.new'), join(SITES, 'kinds.toml'));
  await until('all kinds are up', async () => (await listed()).length === KINDS.length);
}

/** And leave it, for the tests of the page. */
async function removeStreams() {
  // The plugin first: without a site of its own it would get one of its name.
  rmSync(join(PLUGINS, 'direct.wasm'));
  rmSync(join(SITES, 'kinds.toml'));
  await until('they are gone', async () => {
    const { streams } = await (await fetch(`${BASE_URL}/api/streams`)).json();
    return streams.every((stream) => stream.site !== 'kinds');
  });
}

/** Waits until it holds; what it says until then is what an error shows. */
async function until(what, holds) {
  const begun = Date.now();
  let said = await holds();
  while (said !== true) {
    const shown = JSON.stringify(said);
    assert.ok(Date.now() - begun < 60_000, `waited in vain until ${what}: ${shown}`);
    await new Promise((done) => setTimeout(done, 300));
    said = await holds();
  }
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
