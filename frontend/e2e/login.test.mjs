// Logging in and out, and what comes of a login that ends. What the host says of
// who is there comes from the test; `token.test.mjs` has a host that says so itself.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ANNA, LOOPBACK, NOBODY, refusal, stubLogin } from './login.mjs';
import { launch, logIn, logOut, open, playing } from './system.mjs';

const NEEDED = refusal('login_needed', 401);
const ENTRY = '**/streams/*/master.m3u8';

describe('a login', () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  const form = (page) => page.getByTestId('login');

  test('stands in the place of the page that was asked for, which then goes on', async () => {
    const { context, page, consoleErrors } = await open(browser);
    const login = await stubLogin(page, NOBODY, () => ANNA);
    await page.goto('/?from=a-link');
    await form(page).waitFor();
    assert.ok(await page.getByLabel('Token').evaluate((e) => e === document.activeElement));
    assert.equal(await page.getByTestId('who').count(), 0);
    await page.getByLabel('Token').fill(' a token \n');
    await page.keyboard.press('Enter');
    await page.getByTestId('hero').waitFor();
    assert.match(page.url(), /\/\?from=a-link$/);
    assert.equal(await page.title(), 'Schedule · f1-streams');
    assert.match(await page.getByTestId('who').innerText(), /anna/);
    const [sent] = login.asked;
    assert.equal(sent.headers['f1-streams-page'], '1');
    assert.equal(sent.body, '{"token":"a token"}');
    assert.deepEqual(consoleErrors, []);
    await context.close();
  });

  test('is one that a password manager knows', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, NOBODY);
    await page.goto('/');
    await form(page).waitFor();
    const fields = await form(page)
      .locator('input')
      .evaluateAll((all) => all.map((e) => [e.type, e.autocomplete]));
    assert.deepEqual(fields, [
      ['text', 'username'],
      ['password', 'current-password'],
    ]);
    assert.equal(await form(page).evaluate((e) => e.tagName), 'FORM');
    await context.close();
  });

  test('does not show before it is known that it is needed', async () => {
    const { context, page } = await open(browser);
    let answer;
    const asked = new Promise((resolve) => (answer = resolve));
    await page.route('**/api/session', (route) => answer(route));
    await page.goto('/');
    const route = await asked;
    assert.equal(await form(page).count(), 0);
    assert.equal((await page.locator('main').innerText()).trim(), '');
    await route.fulfill({ json: LOOPBACK });
    await page.getByTestId('hero').waitFor();
    await context.close();
  });

  test('is not asked for where nobody says that it is needed', async () => {
    const { context, page } = await open(browser);
    await page.route('**/api/session', (route) => route.abort());
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    assert.equal(await form(page).count(), 0);
    await context.close();
  });

  test('that is refused says why, and the field is where it goes on', async () => {
    const { context, page } = await open(browser);
    const login = await stubLogin(page, NOBODY, () => refusal('token_wrong', 401));
    await page.goto('/');
    await logIn(page, 'wrong');
    const field = page.getByLabel('Token');
    await page.getByRole('alert').getByText('This token is not valid').waitFor();
    assert.ok(await field.evaluate((e) => e === document.activeElement));
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    const said = await field.getAttribute('aria-describedby');
    assert.match(await page.locator(`#${said}`).innerText(), /not valid/);

    login.gives = () => refusal('too_many_attempts', 429, { 'retry-after': '3' });
    await logIn(page, 'wrong');
    await page.getByText('Too many wrong tokens came from your address').waitFor();
    await page.getByRole('button', { name: /^Wait \d s$/ }).waitFor();
    login.gives = () => ANNA;
    await field.press('Enter');
    assert.equal(login.asked.length, 2, 'nothing is sent while it waits');
    await logIn(page, 'right');
    await page.getByTestId('hero').waitFor();
    await context.close();
  });

  test('at a host that is gone says so, and works when it is back', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, NOBODY, () => ANNA);
    await page.goto('/');
    await form(page).waitFor();
    await page.route('**/login', (route) => route.abort());
    await logIn(page, 'right');
    await page.getByText('The server cannot be reached.').waitFor();
    await page.unroute('**/login');
    await logIn(page, 'right');
    await page.getByTestId('hero').waitFor();
    await context.close();
  });

  test('that the browser does not keep is told from a wrong one', async () => {
    const { context, page } = await open(browser);
    const login = await stubLogin(page, NOBODY, () => ANNA);
    await page.route('**/api/session', (route) => route.fulfill({ json: NOBODY }));
    await page.goto('/');
    await logIn(page, 'right');
    await page.getByText('this browser keeps no cookie').waitFor();
    assert.equal(login.asked.length, 1);
    await context.close();
  });

  test('of a viewer is no admin’s', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, NOBODY, () => ANNA);
    await page.goto('/admin');
    await page.getByText('Enter the admin token').waitFor();
    await logIn(page, 'of a viewer');
    await page.getByText('It is not the admin’s').waitFor();
    await page.getByRole('link', { name: 'Schedule', exact: true }).click();
    await page.getByTestId('hero').waitFor();
    await context.close();
  });

  test('ends by Log out, and the page that needs it goes', async () => {
    const { context, page } = await open(browser);
    const login = await stubLogin(page, ANNA, () => ANNA);
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await logOut(page);
    await form(page).waitFor();
    assert.equal(login.asked[0].headers['f1-streams-page'], '1');
    assert.equal(await page.getByTestId('hero').count(), 0);
    assert.equal(await page.getByText('Your login has ended').count(), 0);
    await context.close();
  });

  test('does not end where the host does not hear of it', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, ANNA);
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await page.route('**/logout', (route) => route.abort());
    await logOut(page);
    await page.getByTestId('account').getByText('The server cannot be reached.').waitFor();
    assert.ok(await page.getByTestId('hero').isVisible());
    await context.close();
  });

  test('that the proxy in front has is not ours to end', async () => {
    const { context, page } = await open(browser);
    const login = await stubLogin(page, { ...NOBODY, viewers: 'forward' });
    await page.goto('/');
    await page.getByText('Your proxy did not say who you are').waitFor();
    assert.equal(await form(page).count(), 0);
    login.now = { ...ANNA, viewers: 'forward' };
    await page.getByRole('button', { name: 'Load the page again' }).click();
    await page.getByTestId('hero').waitFor();
    await page.getByTestId('who').click();
    await page.getByTestId('account').getByText('The proxy in front').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Log out' }).count(), 0);
    await context.close();
  });

  test('that ended while the page was open is asked for again', async () => {
    const { context, page } = await open(browser);
    await stubLogin(page, ANNA, () => ANNA);
    await page.route('**/api/streams', (route) => route.fulfill(NEEDED));
    await page.goto('/');
    await page.getByText('Your login has ended. Please log in again.').waitFor();
    await page.unroute('**/api/streams');
    await logIn(page, 'another');
    await page.getByTestId('hero').waitFor();
    await context.close();
  });

  // As where hls.js does not run: the browser plays HLS, and tells nobody with
  // which status it was refused.
  const byItself = () => {
    delete globalThis.MediaSource;
    delete globalThis.ManagedMediaSource;
  };

  for (const [how, prepare] of [
    ['by hls.js', () => {}],
    ['by the browser itself', byItself],
  ]) {
    test(`that a stream needs is asked for, and no other stream tried, ${how}`, async () => {
      const { context, page } = await open(browser);
      await page.addInitScript(prepare);
      const login = await stubLogin(page, ANNA, () => ANNA);
      await threeStreams(page);
      const entries = [];
      await page.route(ENTRY, (route) => {
        entries.push(new URL(route.request().url()).pathname);
        login.now = NOBODY;
        return route.fulfill(NEEDED);
      });
      await page.goto('/watch');
      await form(page).waitFor();
      assert.equal(new Set(entries).size, 1, `only one was asked for: ${entries.join(' ')}`);
      assert.match(page.url(), /\/watch/);
      await page.unroute(ENTRY);
      await logIn(page, 'another');
      await playing(page);
      await context.close();
    });

    test(`that still holds does not keep a broken stream from its successor, ${how}`, async () => {
      const { context, page } = await open(browser);
      await page.addInitScript(prepare);
      await stubLogin(page, ANNA);
      await threeStreams(page);
      const entries = new Set();
      await page.route(ENTRY, (route) => {
        entries.add(new URL(route.request().url()).pathname);
        return route.fulfill(refusal('odd', 401));
      });
      await page.goto('/watch');
      await page.getByTestId('gave-up').waitFor({ timeout: 30_000 });
      assert.equal(entries.size, 3);
      assert.equal(await form(page).count(), 0);
      await context.close();
    });
  }
});

/** The system's stream, and two more that nobody has. */
async function threeStreams(page) {
  const answer = await (await page.request.get('/api/streams')).json();
  const first = answer.streams.find((stream) => stream.playable);
  const others = ['twin.one', 'twin.two'].map((id) => ({
    ...first,
    id,
    play_url: `/streams/${id}/master.m3u8`,
  }));
  const streams = [first, ...others];
  await page.route('**/api/streams', (route) => route.fulfill({ json: { ...answer, streams } }));
}
