import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { foreign, launch, open, playing, position, scriptBytes } from './system.mjs';

const WATCH_PAGE_SCRIPT_BYTES = 270_000;
const HLS = /\/(proxy|relay|streams)[/?]/;

describe('the watch page', () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  test('plays real pictures, and every request goes to the host', async () => {
    const { context, page, requests, consoleErrors } = await open(browser);
    await page.goto('/watch');
    const first = await playing(page);
    assert.ok(first.width > 0, 'videoWidth > 0');
    // A busy machine may be short of time once.
    let second = first;
    let grew = 0;
    for (let attempt = 0; attempt < 3 && grew < 4.5; attempt += 1) {
      const from = await position(page);
      await page.waitForTimeout(5_000);
      second = await position(page);
      grew = second.time - from.time;
    }
    assert.ok(grew >= 4.5, `currentTime grew by ${grew.toFixed(2)} s in 5 s`);
    const status = page.getByTestId('status');
    await status.getByText(/s behind/).waitFor();
    assert.match(await status.innerText(), /Stream 1 of \d+/);
    assert.match(await status.innerText(), new RegExp(`${second.height}p`));

    assert.ok(
      requests.some((url) => HLS.test(url)),
      'the media went through the host',
    );
    assert.deepEqual(foreign(requests), []);
    assert.deepEqual(consoleErrors, []);
    assert.ok((await scriptBytes(page)) <= WATCH_PAGE_SCRIPT_BYTES, 'script stays in its budget');
    await context.close();
  });

  test('the keys work, and can be switched off', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    const muted = () => page.evaluate(() => document.querySelector('video').muted);
    const paused = () => page.evaluate(() => document.querySelector('video').paused);
    assert.equal(await muted(), true, 'starts without sound');

    await page.keyboard.press('m');
    assert.equal(await muted(), false);
    await page.keyboard.press('m');
    assert.equal(await muted(), true);
    await page.keyboard.press('k');
    assert.equal(await paused(), true);
    await page.keyboard.press('Space');
    await page.waitForFunction(() => !document.querySelector('video').paused);

    await page.keyboard.press('f');
    await page.waitForFunction(() => document.fullscreenElement !== null);
    await page.keyboard.press('f');
    await page.waitForFunction(() => document.fullscreenElement === null);

    await page.keyboard.press('?');
    const sheet = page.getByTestId('shortcuts');
    assert.ok(await sheet.isVisible());
    await page.getByLabel('Use these keys on this page').uncheck();
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'hidden' });
    await page.keyboard.press('m');
    assert.equal(await muted(), true, 'switched off, M does nothing');
    await context.close();
  });

  test('after a pause, L goes back to live', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    const status = page.getByTestId('status');
    await status.getByText(/s behind/).waitFor();
    const before = await behind(page);
    await page.keyboard.press('k');
    await page.waitForTimeout(8_000);
    assert.ok((await behind(page)) >= before + 5, 'a pause is seen in the seconds behind');
    await page.keyboard.press('l');
    await page.waitForFunction(() => !document.querySelector('video').paused);
    await page.waitForTimeout(2_000);
    const after = await behind(page);
    assert.ok(after <= before + 2, `back at live: ${before} s behind before, ${after} s after`);
    await context.close();
  });

  test('the LIVE button goes where live plays, not to the very end where it stalls', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    await page
      .getByTestId('status')
      .getByText(/s behind/)
      .waitFor();
    await page.keyboard.press('k');
    await page.waitForTimeout(6_000);
    const fromEnd = page.evaluate(
      () =>
        new Promise((resolve) => {
          const video = document.querySelector('video');
          video.addEventListener('seeking', () =>
            resolve(video.seekable.end(video.seekable.length - 1) - video.currentTime),
          );
        }),
    );
    await page.locator('media-live-button').click();
    const distance = await fromEnd;
    assert.ok(distance >= 3, `${distance.toFixed(1)} s from the end`);
    await page.waitForFunction(() => !document.querySelector('video').paused);
    await context.close();
  });

  test('a choice is kept in the address', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    const choices = page.locator('[data-testid=stream]:not([disabled])');
    const last = choices.nth((await choices.count()) - 1);
    const id = await last.getAttribute('data-stream');
    await last.click();
    await page.waitForURL((url) => url.searchParams.get('stream') === id);
    await page.reload();
    await playing(page);
    assert.equal(await page.locator('[aria-current=true]').getAttribute('data-stream'), id);
    await context.close();
  });

  test('when every stream dies: says so, offers Retry, and plays again after it', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    const count = await page.locator('[data-testid=stream]:not([disabled])').count();
    await page.route(HLS, (route) => route.abort());
    // One stream after another is given up; the only one gets a second attempt.
    await page.getByTestId('gave-up').waitFor({ timeout: 30_000 * (count + 1) });
    assert.match(await page.getByTestId('notice').innerText(), /No other stream is playing/);
    assert.match(page.url(), /\/watch/, 'the viewer stays on the page');
    await page.unroute(HLS);
    await page.getByRole('button', { name: 'Retry' }).click();
    await playing(page);
    assert.equal(await page.getByTestId('gave-up').count(), 0);
    await context.close();
  });

  test('a stream that fails gives way to the next, and the page says so', async () => {
    const { context, page } = await open(browser);
    const real = await streamsOf(page);
    const dead = { ...real.streams[0], id: 'dead.one', label: 'Dead feed', play_url: '/gone.m3u8' };
    await page.route('**/gone.m3u8', (route) => route.fulfill({ status: 404, body: '' }));
    await page.route('**/api/streams', (route) =>
      route.fulfill({ json: { ...real, streams: [dead, ...real.streams] } }),
    );
    await page.goto('/watch');
    await playing(page);
    const next = real.streams.find((stream) => stream.playable);
    assert.equal(await page.locator('[aria-current=true]').getAttribute('data-stream'), next.id);
    assert.equal(
      await page.getByTestId('notice').innerText(),
      `Dead feed stopped answering. Switched to ${next.label}.`,
    );
    await context.close();
  });

  test('a picture that freezes without any error is left within ten seconds', async () => {
    const { context, page } = await open(browser);
    const real = await streamsOf(page);
    const first = real.streams.find((stream) => stream.playable);
    const play_url = '/streams/twin.one/master.m3u8';
    const twin = { ...first, id: 'twin.one', label: 'Second feed', play_url };
    await page.route('**/api/streams', (route) =>
      route.fulfill({ json: { ...real, streams: [first, twin] } }),
    );
    // From a moment on media requests hang, as with an origin that stopped.
    // The second stream's playlist is the first's under another name.
    let hangs = false;
    await page.route(HLS, (route) => {
      const url = new URL(route.request().url());
      if (url.pathname !== play_url) return hangs ? new Promise(() => {}) : route.continue();
      hangs = false;
      return route.continue({ url: new URL(first.play_url, url).href });
    });
    await page.goto('/watch');
    await playing(page);
    await page.evaluate(() => {
      let last = 0;
      window.longestStill = 0;
      window.movedAt = Date.now();
      setInterval(() => {
        const { currentTime } = document.querySelector('video');
        if (currentTime !== last) window.movedAt = Date.now();
        window.longestStill = Math.max(window.longestStill, Date.now() - window.movedAt);
        last = currentTime;
      }, 100);
    });
    hangs = true;
    await page.locator('[data-stream="twin.one"][aria-current=true]').waitFor({ timeout: 60_000 });
    await playing(page);
    const still = await page.evaluate(() => window.longestStill);
    assert.ok(still <= 10_000, `the picture stood still for ${still} ms`);
    assert.match(await page.getByTestId('notice').innerText(), /Switched to Second feed/);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  });

  test('streams that died with the host play again when it is back', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    await context.setOffline(true);
    await page.getByTestId('gave-up').waitFor({ timeout: 60_000 });
    await page.getByTestId('host-gone').waitFor({ timeout: 12_000 });
    await context.setOffline(false);
    await page.getByTestId('gave-up').waitFor({ state: 'detached', timeout: 15_000 });
    await playing(page);
    await context.close();
  });

  test('with nothing live: four lines, and a button that asks', async () => {
    const { context, page } = await open(browser);
    const real = await streamsOf(page);
    await page.route('**/api/streams', (route) =>
      route.fulfill({ json: { ...real, streams: [] } }),
    );
    await page.goto('/watch');
    const empty = page.getByTestId('nothing-live');
    await empty.waitFor();
    await empty.getByText('You are in the right place').waitFor();
    await empty.getByText('Nothing is live right now').waitFor();
    await empty.getByTestId('next-session').waitFor();
    const asked = page.waitForRequest(
      (r) => r.method() === 'POST' && new URL(r.url()).pathname === '/api/streams/refresh',
    );
    await empty.getByTestId('refresh').click();
    const response = await (await asked).response();
    assert.equal(response?.status(), 202);
    await empty.getByText(/Looking now|It can look again/).waitFor();
    // A stream that appears starts by itself.
    await page.unroute('**/api/streams');
    await playing(page);
    await context.close();
  });

  test('says when the list itself cannot be had', async () => {
    const { context, page } = await open(browser);
    await page.route('**/api/streams', (route) => route.fulfill({ status: 503, body: 'no' }));
    await page.goto('/watch');
    await page.getByText('The streams could not be loaded').waitFor();
    await page.unroute('**/api/streams');
    await page.getByRole('button', { name: 'Try again' }).click();
    await playing(page);
    await context.close();
  });
});

async function streamsOf(page) {
  return (await page.request.get('/api/streams')).json();
}

async function behind(page) {
  const text = await page.getByTestId('status').innerText();
  return Number(/(\d+) s behind/.exec(text)?.[1] ?? Number.NaN);
}
