// What the admin page shows and does in the states that a running system is
// not easily brought into: the host's answers come from the test.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { LOOPBACK, stubLogin } from './login.mjs';
import { at, digest, everyState, overview, plugin, refused, site, stubAdmin } from './plugins.mjs';
import { launch, logIn, open, overflow, violations } from './system.mjs';

const TOKEN = 'a-token-that-the-stub-does-not-look-at-';

describe('the admin page, state by state', () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  async function visit(plugins, { more = {}, options = {}, prepare = () => {} } = {}) {
    const opened = await open(browser, options);
    const admin = await stubAdmin(opened.page, plugins, more);
    await stubLogin(opened.page, LOOPBACK);
    prepare(admin);
    await opened.page.goto('/admin');
    await logIn(opened.page, TOKEN);
    await opened.page.getByTestId('live').waitFor();
    const card = (key) => opened.page.locator(`[data-plugin="${key}"]`);
    return { ...opened, admin, card };
  }

  for (const width of [320, 360, 1280]) {
    for (const colorScheme of ['dark', 'light']) {
      test(`all states, ${width} px, ${colorScheme}: accessible and within the window`, async () => {
        const viewport = { width, height: 800 };
        const options = { viewport, colorScheme, reducedMotion: 'reduce' };
        const { context, page, card } = await visit(everyState(), { options });
        await card('site-b').getByText('Backtrace', { exact: true }).click();
        await card('m3u').getByText('History').click();
        await card('m3u').locator('[data-kind=rolled_back]').waitFor();
        assert.deepEqual(await violations(page), []);
        assert.ok((await overflow(page)) <= 0, 'no horizontal scroll');
        const small = await page
          .locator('.button:visible')
          .evaluateAll((all) =>
            all.filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.textContent),
          );
        assert.deepEqual(small, []);
        await card('m3u').getByTestId('approve').click();
        await page.getByTestId('confirm').locator('visible=true').waitFor();
        assert.deepEqual(await violations(page), []);
        await context.close();
      });
    }
  }

  test('each state is said in words, and what needs a look is said first', async () => {
    const { context, page, card } = await visit(everyState());
    const words = {
      'site-a': 'Live',
      'site-b': 'Paused',
      m3u: 'Held',
      owncast: 'On probation',
      peertube: 'Disabled',
      page: 'Refused',
      mediamtx: 'Missing',
    };
    for (const [key, word] of Object.entries(words)) {
      assert.equal((await card(key).getByTestId('plugin-state').innerText()).trim(), word);
    }
    const attention = page.getByTestId('attention');
    assert.deepEqual((await attention.getByRole('link').allInnerTexts()).sort(), [
      'm3u',
      'mediamtx',
      'owncast',
      'page',
      'site-a',
      'site-b',
    ]);
    await attention.getByRole('link', { name: 'site-b' }).click();
    await page.waitForFunction(() => {
      const box = document.querySelector('[data-plugin="site-b"]').getBoundingClientRect();
      return box.top >= 0 && box.top < innerHeight;
    });
    await context.close();
  });

  test('no card has an empty place', async () => {
    const { context, page } = await visit(everyState());
    const empty = await page
      .locator('[data-testid=plugin] :is(dd, dt, li, h2)')
      .evaluateAll((all) => all.map((e) => e.textContent.trim()).filter((t) => /^[–-]?$/.test(t)));
    assert.deepEqual(empty, []);
    assert.equal(await page.locator('[data-plugin=page] dl').count(), 0);
    await context.close();
  });

  test('a crash shows its cause first and the backtrace when asked', async () => {
    const { context, card } = await visit(everyState());
    const error = card('site-b').getByTestId('plugin-error');
    assert.match(await error.innerText(), /^trap wasm trap: wasm `unreachable`/);
    assert.equal(await error.locator('pre').isVisible(), false);
    await error.getByText('Backtrace', { exact: true }).click();
    assert.match(await error.locator('pre').innerText(), /0: 0x2f1c - site_b::page::token/);
    await context.close();
  });

  test('an open breaker counts down and goes by itself', async () => {
    const plugins = [plugin('site-a', { breaker: { open_until: at(4_000), faults: 5 } })];
    const { context, card } = await visit(plugins);
    await card('site-a').getByTestId('breaker').waitFor();
    await card('site-a').getByTestId('breaker').waitFor({ state: 'detached', timeout: 8_000 });
    assert.equal((await card('site-a').getByTestId('plugin-state').innerText()).trim(), 'Live');
    await context.close();
  });

  test('a held version says what it newly asks for, and Approve asks once more', async () => {
    const { context, page, card, admin } = await visit(everyState());
    const held = card('m3u').getByTestId('held');
    assert.match(await held.innerText(), /\+ host api\.lists\.example/);
    assert.match(await held.innerText(), /\+ secret list-key/);
    admin.acted = (key) => {
      const plugins = admin.plugins.map((one) =>
        one.key === key ? plugin(key, { version: '1.4.0', generation: 5 }) : one,
      );
      admin.plugins = plugins;
      return [{ plugin: plugins.find((one) => one.key === key) }, 200];
    };
    await held.getByTestId('approve').click();
    const confirm = page.locator('dialog[open]');
    assert.match(await confirm.innerText(), /Approve m3u\?/);
    assert.ok(!admin.asked.some((line) => line.includes('approve')));
    await confirm.getByTestId('confirm-yes').click();
    await held.waitFor({ state: 'detached' });
    assert.equal(await card('m3u').getAttribute('data-state'), 'live');
    assert.ok(admin.asked.includes(`POST /plugins/m3u/approve?digest=${digest('m3u 1.4.0')}`));
    await card('m3u')
      .getByText(/^Approved/)
      .waitFor();
    // The button is gone; the keyboard's place is not.
    assert.equal(await page.evaluate(() => document.activeElement.dataset.plugin), 'm3u');
    await context.close();
  });

  test('a rollback by keyboard: Escape stops it, Enter does it, a refusal is said', async () => {
    const { context, page, card, admin } = await visit(everyState());
    admin.acted = () => [{ error: { code: 'nothing_to_roll_back', message: 'no' } }, 409];
    const button = card('site-a').getByTestId('rollback');
    assert.match(await button.innerText(), /Roll back to 1\.2\.0/);
    await button.focus();
    await page.keyboard.press('Enter');
    const confirm = page.locator('dialog[open]');
    await confirm.waitFor();
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Cancel/);
    await page.keyboard.press('Escape');
    await confirm.waitFor({ state: 'detached' });
    assert.ok(await button.evaluate((e) => e === document.activeElement), 'focus comes back');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await card('site-a').getByText('There is no earlier version to go back to.').waitFor();
    assert.deepEqual(
      admin.asked.filter((line) => line.includes('rollback')),
      ['POST /plugins/site-a/rollback'],
    );
    await context.close();
  });

  test('a failing site says since when, and its files come with the login', async () => {
    const { context, page, card, admin } = await visit(everyState());
    const row = card('site-a').locator('[data-site="site-a"]');
    assert.match(await row.getByTestId('failing').innerText(), /Failing since 25 min ago/);
    const sent = page.waitForRequest((request) => request.url().includes('/diagnostics/'));
    const download = page.waitForEvent('download');
    await row.getByTestId('bundle').click();
    assert.equal((await sent).headers()['f1-streams-page'], '1');
    const saved = await download;
    assert.equal(saved.suggestedFilename(), 'site-a-20261122T041500Z.json');
    assert.equal(readFileSync(await saved.path(), 'utf8'), 'kept by the host');
    const second = page.waitForEvent('download');
    await row.getByTestId('attachment').click();
    assert.equal((await second).suggestedFilename(), 'page.html');
    assert.ok(admin.asked.includes('GET /sites/site-a/attachments/0'));
    const mirror = card('site-a').locator('[data-site="site-a-mirror"]');
    assert.match(await mirror.getByTestId('ungranted').innerText(), /cdn\.example/);
    await context.close();
  });

  describe('an upload', () => {
    const put = (key) =>
      key === 'broken'
        ? [{ error: { code: 'contract', message: 'it exports no extractor' } }, 422]
        : [{ digest: digest(`${key} new`), version: '2.0.0', size: 9 }, 200];
    const bytes = { mimeType: 'application/wasm', buffer: Buffer.from('\0asm') };

    test('by the file picker shows the verdict, then what became of it', async () => {
      const { context, page, admin } = await visit([plugin('site-a')], {
        prepare: (stub) => (stub.put = put),
      });
      const input = page.locator('input[type=file][multiple]');
      await input.setInputFiles([
        { name: 'site_a (1).wasm', ...bytes },
        { name: 'broken.wasm', ...bytes },
        { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') },
      ]);
      const row = (name) => page.getByTestId('upload').filter({ hasText: name });
      await row('site_a').and(page.locator('[data-phase=accepted]')).waitFor();
      assert.match(await row('site_a').innerText(), /as site-a[\s\S]*Accepted, version 2\.0\.0/);
      await row('broken').getByText('it exports no extractor').waitFor();
      assert.match(await row('broken').innerText(), /Not taken contract/);
      await row('notes').getByText('Name it after the plugin').waitFor();
      assert.deepEqual(
        admin.asked.filter((line) => line.startsWith('PUT')),
        ['PUT /plugins/site-a', 'PUT /plugins/broken'],
      );
      admin.plugins = [plugin('site-a', { state: 'probation', digest: digest('site-a new') })];
      await row('site_a').getByText('It serves, on probation.').waitFor();
      assert.deepEqual(await violations(page), []);
      await row('notes')
        .getByRole('button', { name: /Dismiss/ })
        .click();
      await row('notes').waitFor({ state: 'detached' });
      await context.close();
    });

    test('by dropping: onto a card it is that plugin, elsewhere the name says it', async () => {
      const { context, page, card, admin } = await visit([plugin('site-a')], {
        prepare: (stub) => (stub.put = put),
      });
      const carry = (name) =>
        page.evaluateHandle((file) => {
          const data = new DataTransfer();
          data.items.add(new File(['\0asm'], file, { type: 'application/wasm' }));
          return data;
        }, name);
      const fix = await carry('fix.wasm');
      await card('site-a').dispatchEvent('dragover', { dataTransfer: fix });
      await page.getByText('Drop to replace site-a').waitFor();
      await card('site-a').dispatchEvent('drop', { dataTransfer: fix });
      await page.getByText('Drop to replace site-a').waitFor({ state: 'hidden' });
      await page.locator('main').dispatchEvent('drop', { dataTransfer: await carry('m3u.wasm') });
      await page.locator('[data-phase=accepted]').nth(1).waitFor();
      assert.deepEqual(
        admin.asked.filter((line) => line.startsWith('PUT')),
        ['PUT /plugins/site-a', 'PUT /plugins/m3u'],
      );
      await context.close();
    });
  });

  test('with no plugin it says where to put one, and takes one', async () => {
    const { context, page } = await visit([]);
    const empty = page.getByTestId('empty');
    await empty.waitFor();
    assert.match(await empty.innerText(), /data\/plugins/);
    await empty.getByTestId('pick-file').waitFor();
    assert.deepEqual(await violations(page), []);
    await context.close();
  });

  test('a directory that is gone is said loudly, and the plugins stay', async () => {
    const directory = { path: 'data/plugins', error: 'Stale file handle', checked_at: at(-90_000) };
    const { context, page, card } = await visit([plugin('site-a')], { more: { directory } });
    const banner = page.getByTestId('directory-error');
    await banner.waitFor();
    assert.match(await banner.innerText(), /Stale file handle/);
    assert.ok(await card('site-a').isVisible());
    assert.deepEqual(await violations(page), []);
    await context.close();
  });

  test('events bring news at once; where there is no stream, it is asked for', async () => {
    const { context, page, card, admin } = await visit([plugin('site-a')], {
      prepare: (stub) => (stub.events = ': hello\n\n'),
    });
    // The stub's stream ends at once: it is lost, and found again.
    const live = page.getByTestId('live');
    await page.waitForFunction(
      () => document.querySelector('[data-testid=live]').dataset.state === 'reconnecting',
    );
    assert.match(await live.innerText(), /Reconnecting/);
    admin.events = null;
    await page.locator('[data-testid=live][data-state=polling]').waitFor({ timeout: 20_000 });
    admin.plugins = [plugin('site-a', { version: '9.9.9' })];
    await card('site-a').getByText('9.9.9').waitFor({ timeout: 4_000 });
    await context.close();
  });

  test('nothing moves while the list comes again and again', async () => {
    const { context, page, admin } = await visit([plugin('site-a'), refused('page')]);
    await page.getByTestId('plugin').first().waitFor();
    await page.evaluate(() => {
      window.shifted = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shifted += entry.value;
      }).observe({ type: 'layout-shift' });
    });
    const before = admin.asked.length;
    await page.waitForTimeout(6_000);
    assert.ok(admin.asked.length > before + 2, 'the list came again');
    assert.ok((await page.evaluate(() => window.shifted)) <= 0.02);
    await context.close();
  });

  test('Tab reaches every control of a card, and each shows that it has the focus', async () => {
    const { context, page, card } = await visit([everyState()[0]]);
    const buttons = await card('site-a').locator('button:visible, summary:visible').count();
    await card('site-a').focus();
    const names = new Set();
    for (let i = 0; i < buttons; i += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => ({
        name: document.activeElement.textContent.trim(),
        inside: document.activeElement.closest('[data-plugin]') !== null,
        ring: getComputedStyle(document.activeElement).outlineStyle,
      }));
      assert.ok(focused.inside, `${focused.name} is in the card`);
      assert.notEqual(focused.ring, 'none', `the focus shows on ${focused.name}`);
      names.add(focused.name);
    }
    for (const expected of ['Replace file', 'Roll back to 1.2.0', 'Reload', 'Disable', 'History']) {
      assert.ok(names.has(expected), `${expected} among ${[...names].join(' | ')}`);
    }
    await context.close();
  });

  test('an answer of another shape is said, and not an empty page', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, LOOPBACK);
    await page.route('**/api/admin/**', (route) =>
      route.fulfill({
        json: { ...overview([]), plugins: [{ key: 'site-a', sites: [site('x')] }] },
      }),
    );
    await page.goto('/admin');
    await logIn(page, TOKEN);
    await page.getByTestId('problem').waitFor();
    await context.close();
  });
});
