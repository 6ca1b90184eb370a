// Every page, narrow and wide, dark and light: no violation of WCAG 2.2 AA,
// nothing wider than the window, main buttons large enough for a thumb.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ANNA, NOBODY, refusal, stubLogin } from './login.mjs';
import { ADMIN_TOKEN, launch, logIn, open, overflow, playing, violations } from './system.mjs';

const SIZES = [
  { width: 320, height: 640 },
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
];

const PAGES = {
  schedule: async (page) => {
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await page.getByTestId('event').locator('visible=true').first().locator('summary').click();
  },
  watch: async (page) => {
    await page.goto('/watch');
    await playing(page);
  },
  'watch with nothing live': async (page) => {
    const answer = await (await page.request.get('/api/streams')).json();
    await page.route('**/api/streams', (route) =>
      route.fulfill({ json: { ...answer, streams: [] } }),
    );
    await page.goto('/watch');
    await page.getByTestId('nothing-live').waitFor();
  },
  'watch with the list of keys': async (page) => {
    await page.goto('/watch');
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByTestId('shortcuts').waitFor();
  },
  'schedule that failed': async (page) => {
    await page.route('**/api/schedule', (route) => route.fulfill({ status: 500, body: '' }));
    await page.goto('/');
    await page.getByTestId('problem').waitFor();
  },
  'the login': async (page) => {
    await stubLogin(page, NOBODY);
    await page.goto('/watch');
    await page.getByTestId('login').waitFor();
  },
  'a login that was refused': async (page) => {
    await stubLogin(page, NOBODY, () => refusal('too_many_attempts', 429, { 'retry-after': '60' }));
    await page.goto('/');
    await logIn(page, 'wrong');
    await page.getByText('Too many wrong tokens').waitFor();
  },
  'who is logged in': async (page) => {
    await stubLogin(page, { ...ANNA, name: 'anna-of-the-long-name@company.example' });
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await page.getByTestId('who').click();
  },
  'nobody, says the proxy': async (page) => {
    await stubLogin(page, { ...NOBODY, viewers: 'forward' });
    await page.goto('/');
    await page.getByTestId('not-named').waitFor();
  },
  'admin without a login': async (page) => {
    await page.goto('/admin');
    await page.getByTestId('login').waitFor();
  },
  admin: async (page) => {
    await page.goto('/admin');
    await logIn(page);
    await page.getByTestId('plugin').first().waitFor();
  },
};

describe('access', () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  for (const [name, visit] of Object.entries(PAGES)) {
    for (const viewport of SIZES) {
      for (const colorScheme of ['dark', 'light']) {
        const skip = name === 'admin' && ADMIN_TOKEN === '' ? 'F1_ADMIN_TOKEN is not set' : false;
        test(`${name}, ${viewport.width} px, ${colorScheme}`, { skip }, async () => {
          const reducedMotion = 'reduce'; // Contrast is not judged halfway through a fade.
          const { context, page } = await open(browser, { viewport, colorScheme, reducedMotion });
          await visit(page);
          assert.deepEqual(await violations(page), []);
          assert.ok((await overflow(page)) <= 0, 'no horizontal scroll');
          const small = await page.evaluate(() =>
            [
              ...document.querySelectorAll(
                '.button, nav a, [data-testid=stream], [data-testid=who]',
              ),
            ]
              .filter((e) => e.getClientRects().length > 0)
              .filter((e) => e.getBoundingClientRect().height < 44)
              .map((e) => e.textContent),
          );
          assert.deepEqual(small, [], 'main buttons are at least 44 px high');
          await context.close();
        });
      }
    }
  }

  test('with reduced motion nothing moves but the pictures', async () => {
    const { context, page } = await open(browser, { reducedMotion: 'reduce' });
    await PAGES.schedule(page);
    const moving = await page.evaluate(() =>
      document
        .getAnimations()
        .filter((animation) => Number(animation.effect?.getComputedTiming().duration) > 10)
        .map((animation) => animation.animationName ?? animation.transitionProperty),
    );
    assert.deepEqual(moving, []);
    await context.close();
  });

  test('Tab reaches every control of the watch page and shows where it is', async () => {
    const { context, page } = await open(browser);
    await page.goto('/watch');
    await playing(page);
    const names = [];
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        if (e === null || e === document.body) return null;
        const style = getComputedStyle(e);
        const shown = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
        const custom = e.tagName.startsWith('MEDIA-'); // Its ring is inside its shadow root.
        return {
          name: e.getAttribute('aria-label') ?? e.textContent.trim(),
          shown: shown || custom,
        };
      });
      if (at === null) break;
      assert.ok(at.shown, `focus is visible on ${at.name}`);
      names.push(at.name);
    }
    for (const expected of [/^Skip/, /Schedule/, /pause|play/i, /mute/i, /full ?screen/i, /Keys/]) {
      assert.ok(
        names.some((name) => expected.test(name)),
        `${expected} is reached: ${names.join(' | ')}`,
      );
    }
    await context.close();
  });
});
