// A host where watching needs a token: nothing without a login, everything with
// one, and nothing again when the token is taken back.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PROGRAM, startHost } from './host.mjs';
import { launch, logIn, logOut, open, playing } from './system.mjs';

const ANNA = 'a-token-of-annas';
const BERT = 'a-token-of-berts';
const ROOMS = ['/api/schedule', '/api/streams'];

describe(
  'a host that needs a token',
  { skip: PROGRAM === '' ? 'F1_HOST_PROGRAM is not set' : false },
  () => {
    let browser;
    let host;
    before(async () => {
      browser = await launch();
      host = await startHost(() => ({
        F1_STREAMS__AUTH__VIEWERS: 'token',
        F1_STREAMS__AUTH__POLL: '1s',
      }));
      tokens(`anna ${ANNA}\nbert ${BERT}\n`);
      // Until both are known.
      while ((await entered(BERT)) !== 200) await new Promise((r) => setTimeout(r, 200));
    });
    after(async () => {
      await host?.stop();
      await browser?.close();
    });

    const tokens = (text) => writeFileSync(join(host.data, 'viewers.tokens'), text);
    const entered = async (token) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${host.base}/api/streams`, { headers })).status;
    };
    const statuses = (page) =>
      Promise.all(ROOMS.map(async (room) => (await page.request.get(room)).status()));
    const visit = async (path) => {
      const opened = await open(browser, { baseURL: host.base });
      await opened.page.goto(path);
      await opened.page.getByTestId('login').waitFor();
      return opened;
    };

    test('shows nothing before the login, and what was asked for after it', async () => {
      const { context, page, requests, consoleErrors } = await visit('/watch');
      assert.deepEqual(await statuses(page), [401, 401]);
      assert.ok(
        requests.every((url) => !ROOMS.includes(new URL(url).pathname)),
        'the page asks for nothing that it may not have',
      );
      assert.deepEqual(consoleErrors, []);
      await logIn(page, 'certainly-wrong-token');
      await page.getByText('This token is not valid').waitFor();
      assert.deepEqual(await statuses(page), [401, 401]);

      await logIn(page, ANNA);
      await playing(page);
      assert.deepEqual(await statuses(page), [200, 200]);
      assert.match(await page.getByTestId('who').innerText(), /anna/);
      await page.getByRole('link', { name: 'Schedule', exact: true }).click();
      await page.getByTestId('hero').waitFor();

      const readable = await page.evaluate(() =>
        [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie].join(),
      );
      assert.ok(!readable.includes(ANNA));
      assert.ok(requests.every((url) => !url.includes(ANNA)));
      await context.close();
    });

    test('an entry needs the login, also of a media element, and what it links to does not', async () => {
      const { context, page } = await visit('/');
      const { streams } = await (
        await fetch(`${host.base}/api/streams`, { headers: { authorization: `Bearer ${ANNA}` } })
      ).json();
      const entry = streams.find((stream) => stream.playable).play_url;
      const byElement = () =>
        page.evaluate(async (src) => {
          const video = document.createElement('video');
          return new Promise((resolve) => {
            video.onloadedmetadata = () => resolve('loaded');
            video.onerror = () => resolve('refused');
            video.src = src;
          });
        }, entry);
      assert.equal((await page.request.get(entry)).status(), 401);
      assert.equal(await byElement(), 'refused');
      await logIn(page, ANNA);
      await page.getByTestId('hero').waitFor();
      const master = await page.request.get(entry);
      assert.equal(master.status(), 200);
      assert.equal(await byElement(), 'loaded');
      const link = /^\/proxy.*$/m.exec(await master.text())[0];
      assert.equal((await fetch(host.base + link)).status, 200);
      await context.close();
    });

    test('after the logout nothing is left, over a reload, too', async () => {
      const { context, page } = await visit('/');
      await logIn(page, ANNA);
      await page.getByTestId('hero').waitFor();
      await page.reload();
      await page.getByTestId('hero').waitFor();
      await logOut(page);
      await page.getByTestId('login').waitFor();
      assert.equal(await page.getByTestId('hero').count(), 0);
      assert.deepEqual(await statuses(page), [401, 401]);
      await page.reload();
      await page.getByTestId('login').waitFor();
      await context.close();
    });

    test('the admin’s token makes an admin who may watch, too', async () => {
      const token = readFileSync(join(host.data, 'admin.token'), 'utf8').trim();
      const { context, page } = await visit('/');
      await logIn(page, token);
      await page.getByTestId('hero').waitFor();
      await page.getByRole('link', { name: 'Admin' }).click();
      await page.locator('[data-plugin="site-a"]').waitFor();
      // A change by the cookie, which needs the page's own header, too.
      await page.getByTestId('reload').click();
      await page.getByText('The plugins directory is being read again.').waitFor();
      const bare = await page.request.post('/api/admin/plugins/reload');
      assert.equal(bare.status(), 403);
      await logOut(page);
      await page.getByTestId('login').waitFor();
      await context.close();
    });

    test('a token that is taken back ends its logins and no other', async () => {
      const anna = await visit('/watch');
      const bert = await visit('/');
      await logIn(anna.page, ANNA);
      await logIn(bert.page, BERT);
      await playing(anna.page);
      await bert.page.getByTestId('hero').waitFor();
      tokens(`bert ${BERT}\n`);
      await anna.page.getByText('Your login has ended').waitFor({ timeout: 20_000 });
      assert.equal(await anna.page.getByTestId('player').count(), 0);
      await logIn(anna.page, ANNA);
      await anna.page.getByText('This token is not valid').waitFor();
      assert.deepEqual(await statuses(bert.page), [200, 200]);
      assert.ok(await bert.page.getByTestId('hero').isVisible());
      await anna.context.close();
      await bert.context.close();
    });
  },
);
