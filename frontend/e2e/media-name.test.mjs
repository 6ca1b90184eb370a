// A host whose media has a name of its own: the page's policy lets it play.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PROGRAM, startHost } from './host.mjs';
import { launch, open, playing } from './system.mjs';

describe(
  'media under a name of its own',
  { skip: PROGRAM === '' ? 'F1_HOST_PROGRAM is not set' : false },
  () => {
    let browser;
    let host;
    before(async () => {
      browser = await launch();
      host = await startHost((port) => ({
        F1_STREAMS__SERVER__PUBLIC_URL: `http://127.0.0.1:${port}`,
        F1_STREAMS__SERVER__PUBLIC_MEDIA_URL: `http://localhost:${port}`,
      }));
    });
    after(async () => {
      await host?.stop();
      await browser?.close();
    });

    test('plays, and nothing of an upstream comes from where the page does', async () => {
      const { context, page, requests, consoleErrors } = await open(browser, {
        baseURL: host.base,
      });
      await page.goto('/watch');
      await playing(page);
      const media = requests.map((url) => new URL(url)).filter((url) => isMedia(url.pathname));
      assert.ok(media.length > 0);
      assert.ok(media.every((url) => url.hostname === 'localhost'));
      assert.deepEqual(consoleErrors, []);
      await context.close();
    });
  },
);

function isMedia(path) {
  return path.startsWith('/proxy') || path.startsWith('/relay');
}
