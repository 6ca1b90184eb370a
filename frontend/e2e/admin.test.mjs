import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ADMIN_TOKEN, enterToken, foreign, launch, open, scriptBytes } from './system.mjs';

describe(
  'the admin page',
  { skip: ADMIN_TOKEN === '' ? 'F1_ADMIN_TOKEN is not set' : false },
  () => {
    let browser;
    before(async () => {
      browser = await launch();
    });
    after(() => browser?.close());

    test('shows the plugins after the token, and Reload works', async () => {
      const { context, page, requests, consoleErrors } = await open(browser);
      await page.goto('/admin');
      await enterToken(page);
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

    test('keeps the token for the tab only, and forgets it when asked', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await enterToken(page);
      await page.locator('[data-plugin="site-a"]').waitFor();
      await page.reload();
      await page.locator('[data-plugin="site-a"]').waitFor();
      const kept = (storage) =>
        page.evaluate(([s, t]) => JSON.stringify(window[s]).includes(t), [storage, ADMIN_TOKEN]);
      assert.equal(await kept('sessionStorage'), true);
      assert.equal(await kept('localStorage'), false);
      await page.getByRole('button', { name: 'Forget token' }).click();
      await page.getByTestId('token-form').waitFor();
      assert.equal(await kept('sessionStorage'), false);
      await context.close();
    });

    test('a wrong token is refused in words and asked for again', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await enterToken(page, 'certainly-wrong');
      await page.getByText('That token was not accepted').waitFor();
      await enterToken(page);
      await page.locator('[data-plugin="site-a"]').waitFor();
      await context.close();
    });

    test('says when admin is turned off', async () => {
      const { context, page } = await open(browser);
      await page.route('**/api/admin/plugins', (route) =>
        route.fulfill({ status: 404, json: { error: { code: 'not_found', message: 'no' } } }),
      );
      await page.goto('/admin');
      await enterToken(page);
      await page.getByTestId('admin-off').waitFor();
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
          digest: null,
        };
        await route.fulfill({ response, json: answer });
      });
      await page.goto('/admin');
      await enterToken(page);
      const error = page.locator('[data-plugin="site-a"]').getByTestId('plugin-error');
      await error.waitFor();
      assert.match(await error.innerText(), /invalid_component\s+not a component/);
      await context.close();
    });

    test('keeps what it has when the host goes away', async () => {
      const { context, page } = await open(browser);
      await page.goto('/admin');
      await enterToken(page);
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
