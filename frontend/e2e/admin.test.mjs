import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LOOPBACK } from './login.mjs';
import { ADMIN_TOKEN, foreign, launch, logIn, logOut, open, scriptBytes } from './system.mjs';

const PLUGINS = process.env.F1_PLUGINS_DIR ?? '';
// A custom section: the same plugin with another digest.
const SECTION = Buffer.from([0, 5, 1, 0x78, 4, 5, 6]);

describe(
  'the admin page',
  { skip: ADMIN_TOKEN === '' ? 'F1_ADMIN_TOKEN is not set' : false },
  () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test('shows the plugins after the login, and Reload works', async () => {
      const { context, page, requests, consoleErrors } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      const plugin = page.locator('[data-plugin="site-a"]');
      await plugin.waitFor();
      assert.equal(await plugin.getAttribute('data-state'), 'live');
      assert.ok(Number(await plugin.getAttribute('data-generation')) >= 1);
      await plugin.getByTestId('site').first().waitFor();

      const asked = page.waitForResponse(
        (r) => new URL(r.url()).pathname === '/api/admin/plugins/reload',
      );
      await page.getByTestId('reload').click();
      const response = await asked;
      assert.equal(response.request().method(), 'POST');
      assert.equal(response.status(), 202);
      await page.getByText('The plugins directory is being read again.').waitFor();
      assert.equal(await plugin.getAttribute('data-state'), 'live');

      assert.deepEqual(foreign(requests), []);
      assert.deepEqual(consoleErrors, []);
      assert.ok(
        requests.every((url) => !url.includes(ADMIN_TOKEN)),
        'the token is in no address',
      );
      assert.ok((await scriptBytes(page)) <= 60_000, 'script stays in its budget');
      await context.close();
    });

    test('follows the event stream', async () => {
      const { context, page, consoleErrors } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      await page.locator('[data-testid=live][data-state=live]').waitFor({ timeout: 10_000 });
      assert.deepEqual(consoleErrors, []);
      await context.close();
    });

    test('shows what happened to a plugin', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      const history = page.locator('[data-plugin="site-a"]').getByTestId('history');
      await history.getByText('History').click();
      await history.locator('[data-kind=live]').first().waitFor();
      await context.close();
    });

    test('Run now runs a site', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      const row = page.locator('[data-plugin="site-a"]').getByTestId('site').first();
      const ran = row.locator('time').first();
      const before = await ran.getAttribute('datetime');
      await row.getByTestId('run').click();
      await row.getByText('A run was asked for.').waitFor();
      await page.waitForFunction(
        ([site, old]) => {
          const times = document.querySelectorAll(`[data-site="${site}"] time`);
          return times.length > 0 && times[0].dateTime !== old;
        },
        [await row.getAttribute('data-site'), before],
        { timeout: 30_000 },
      );
      await context.close();
    });

    test('Disable takes a plugin out after a question, and Enable brings it back', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      const plugin = page.locator('[data-plugin="site-a"]');
      await plugin.getByTestId('disable').click();
      await page.locator('dialog[open]').getByTestId('confirm-yes').click();
      await page.locator('[data-plugin="site-a"][data-state=disabled]').waitFor();
      await plugin.getByTestId('enable').click();
      await proven(page);
      await context.close();
    });

    test(
      'an upload is judged: nonsense is refused in words, a plugin serves and rolls back',
      { skip: PLUGINS === '' ? 'F1_PLUGINS_DIR is not set' : false },
      async () => {
        const original = readFileSync(join(PLUGINS, 'site-a.wasm'));
        const { context, page } = await open(browser);
        await page.goto('/admin');
        await logIn(page);
        const plugin = page.locator('[data-plugin="site-a"]');
        await plugin.waitFor();
        const send = async (buffer) => {
          const file = { name: 'site-a.wasm', mimeType: 'application/wasm', buffer };
          await page.locator('input[type=file][multiple]').setInputFiles(file);
          const row = page.getByTestId('upload').first();
          await row.and(page.locator('[data-phase=accepted], [data-phase=refused]')).waitFor();
          return row;
        };

        const nonsense = await send(Buffer.from('no component at all'));
        assert.equal(await nonsense.getAttribute('data-phase'), 'refused');
        assert.match(await nonsense.innerText(), /format[\s\S]*not a WebAssembly component/);
        assert.equal(await plugin.getAttribute('data-state'), 'live');
        assert.deepEqual(readFileSync(join(PLUGINS, 'site-a.wasm')), original);

        const generation = async () => Number(await plugin.getAttribute('data-generation'));
        const before = await generation();
        const accepted = await send(Buffer.concat([original, SECTION]));
        assert.equal(await accepted.getAttribute('data-phase'), 'accepted');
        await accepted.getByText(/^It serves/).waitFor({ timeout: 30_000 });
        assert.ok((await generation()) > before);
        await proven(page);

        const served = await generation();
        await plugin.getByTestId('rollback').click();
        await page.locator('dialog[open]').getByTestId('confirm-yes').click();
        await page.waitForFunction(
          (old) => Number(document.querySelector('[data-plugin=site-a]').dataset.generation) > old,
          served,
        );
        await plugin.getByTestId('history').getByText('History').click();
        await plugin.locator('[data-kind=rolled_back]').first().waitFor();

        // As it was found.
        assert.equal(await (await send(original)).getAttribute('data-phase'), 'accepted');
        await proven(page);
        await context.close();
      },
    );

    test('stays logged in, with nothing that a script can read, until the logout', async () => {
      const { context, page } = await open(browser);
      const sent = [];
      page.on('request', (request) => sent.push(request.headers()));
      await page.goto('/admin');
      await logIn(page);
      await page.locator('[data-plugin="site-a"]').waitFor();
      await page.reload();
      await page.locator('[data-plugin="site-a"]').waitFor();
      assert.ok(
        sent.every((headers) => !('authorization' in headers)),
        'the token is in no header',
      );
      const readable = await page.evaluate(() => [
        JSON.stringify(sessionStorage),
        JSON.stringify(localStorage),
        document.cookie,
      ]);
      assert.ok(!readable.join().includes(ADMIN_TOKEN));
      assert.equal(readable[2], '', 'no script sees the cookie');
      const [cookie] = await context.cookies();
      assert.equal(cookie.httpOnly, true);
      assert.equal(cookie.sameSite, 'Strict');

      await logOut(page);
      await page.getByTestId('login').waitFor();
      assert.equal(await page.getByTestId('who').count(), 0);
      assert.deepEqual(await context.cookies(), []);
      await page.reload();
      await page.getByTestId('login').waitFor();
      await context.close();
    });

    test('a wrong token is refused in words and asked for again', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await logIn(page, 'certainly-wrong');
      await page.getByText('This token is not valid').waitFor();
      await logIn(page);
      await page.locator('[data-plugin="site-a"]').waitFor();
      await context.close();
    });

    test('says when admin is turned off', async () => {
      const { context, page } = await open(browser);
      await page.route('**/api/session', (route) =>
        route.fulfill({ json: { ...LOOPBACK, has_admin: false } }),
      );
      await page.goto('/admin');
      await page.getByTestId('admin-off').waitFor();
      assert.equal(await page.getByRole('link', { name: 'Admin' }).count(), 0);
      await context.close();
    });

    test('shows an error of a plugin beside what serves on', async () => {
      const { context, page } = await open(browser);
      await page.route('**/api/admin/plugins', async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        answer.plugins.find((plugin) => plugin.key === 'site-a').error = {
          code: 'invalid_component',
          message: 'not a component',
          at: new Date().toISOString(),
          digest: 'ab'.repeat(32),
        };
        await route.fulfill({ response, json: answer });
      });
      await page.goto('/admin');
      await logIn(page);
      const error = page.locator('[data-plugin="site-a"]').getByTestId('plugin-error');
      await error.waitFor();
      assert.match(await error.innerText(), /invalid_component\s+not a component/);
      await context.close();
    });

    test('keeps what it has when the host goes away', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await logIn(page);
      await page.locator('[data-plugin="site-a"]').waitFor();
      await context.setOffline(true);
      await page.getByTestId('host-gone').waitFor({ timeout: 12_000 });
      assert.ok(await page.locator('[data-plugin="site-a"]').isVisible());
      await context.setOffline(false);
      await page.getByTestId('host-gone').waitFor({ state: 'detached', timeout: 15_000 });
      await context.close();
    });
  },
);

/** Waits until site-a serves and has brought streams. */
function proven(page) {
  return page.locator('[data-plugin="site-a"][data-state=live]').waitFor({ timeout: 60_000 });
}
