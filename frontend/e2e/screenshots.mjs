// Writes the pictures of the documentation: node e2e/screenshots.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ADMIN_TOKEN, logIn, launch, open, playing } from './system.mjs';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: F1_BASE_URL=… [F1_ADMIN_TOKEN=…] node e2e/screenshots.mjs FOLDER');
  process.exit(64);
}
mkdirSync(folder, { recursive: true });

const browser = await launch();
try {
  const { page } = await open(browser, { colorScheme: 'dark' });
  const save = (name) => page.screenshot({ path: join(folder, `${name}.png`) });

  await page.goto('/');
  await page.getByTestId('hero').waitFor();
  await page.getByText(/streams? ready|No stream is playable/).waitFor();
  await save('schedule');
  const subscribe = page.getByTestId('subscribe');
  await page.getByRole('button', { name: 'Subscribe' }).click();
  await subscribe.screenshot({ path: join(folder, 'subscribe.png') });

  await page.goto('/watch');
  await playing(page);
  await page
    .getByTestId('status')
    .getByText(/s behind/)
    .waitFor();
  await page.waitForTimeout(2_000);
  await save('watch');

  if (ADMIN_TOKEN !== '') {
    // Where the machine that takes the pictures keeps its data is not for the documentation.
    await page.route('**/api/admin/plugins', async (route) => {
      const response = await route.fetch();
      const answer = await response.json();
      answer.directory.path = 'data/plugins';
      await route.fulfill({ response, json: answer });
    });
    await page.goto('/admin');
    await logIn(page);
    await page.getByTestId('plugin').first().waitFor();
    await save('admin');
  }
} finally {
  await browser.close();
}
