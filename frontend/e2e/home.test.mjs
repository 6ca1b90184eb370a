import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { foreign, launch, open, ORIGIN, overflow, scriptBytes, violations } from './system.mjs';

const MINUTE = 60_000;
const START_PAGE_SCRIPT_BYTES = 60_000;

describe('the start page', () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser?.close());

  test('shows the schedule, asks no one else, and loads no player', async () => {
    const { context, page, requests, consoleErrors } = await open(browser);
    const answer = page.waitForResponse((r) => new URL(r.url()).pathname === '/api/schedule');
    await page.goto('/');
    const schedule = await (await answer).json();
    await page.getByTestId('hero').waitFor();

    const shown = await page.getByTestId('event').count();
    assert.equal(shown, schedule.events.length, 'every event of the season is listed');
    const id = await page.getByTestId('hero').getAttribute('data-session');
    const event = schedule.events.find((e) => e.sessions.some((s) => s.id === id));
    assert.ok(event, `the hero shows a session of the schedule, not ${id}`);
    const weekend = await page.getByTestId('weekend').getByTestId('session').count();
    assert.equal(weekend, event.sessions.length, 'the weekend lists every session of its event');
    assert.equal(await page.getByTestId('watch-best').getAttribute('href'), '/watch');

    const countdown = page.getByTestId('countdown');
    if ((await countdown.count()) > 0) {
      const before = await countdown.innerText();
      await page.waitForTimeout(2_100);
      assert.notEqual(await countdown.innerText(), before, 'the countdown ticks');
    } else {
      await page.getByTestId('hero').getByText(/^Live/).first().waitFor();
    }

    assert.deepEqual(foreign(requests), []);
    assert.deepEqual(consoleErrors, []);
    assert.ok((await scriptBytes(page)) <= START_PAGE_SCRIPT_BYTES, 'script stays in its budget');
    await context.close();
  });

  test('the countdown ticks, and is right on a device whose clock is wrong', async () => {
    const { context, page } = await open(browser);
    const skew = 10 * MINUTE;
    await page.addInitScript((ms) => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + ms;
    }, skew);
    await withNextSession(page);
    await page.goto('/');
    const countdown = page.getByTestId('countdown');
    await countdown.waitFor();
    const first = seconds(await countdown.innerText());
    assert.ok(Math.abs(first - 7_200) <= 3, `two hours to go, not ${first} s`);
    await page.waitForTimeout(3_000);
    const second = seconds(await countdown.innerText());
    assert.ok(first - second >= 2 && first - second <= 4, `ticks: ${first} s, then ${second} s`);
    await context.close();
  });

  test('writes times in my zone, the track’s, or UTC', async () => {
    const { context, page } = await open(browser, { timezoneId: 'Asia/Tokyo', locale: 'en-GB' });
    const at = await withNextSession(page, 'America/Los_Angeles');
    await page.goto('/');
    const when = page.getByTestId('hero-when');
    for (const [label, timeZone] of [
      ['My time', 'Asia/Tokyo'],
      ['Track time', 'America/Los_Angeles'],
      ['UTC', 'UTC'],
    ]) {
      await page.getByLabel(label).check();
      const expected = new Intl.DateTimeFormat('en-GB', {
        hour: '2-digit',
        minute: '2-digit',
        timeZone,
      }).format(at);
      assert.ok((await when.innerText()).includes(expected), `${label} shows ${expected}`);
    }
    await page.reload();
    await when.waitFor();
    assert.ok(await page.getByLabel('UTC').isChecked(), 'the choice is kept');
    await context.close();
  });

  test('says what it has, what it lacks, and when it failed', async () => {
    const { context, page } = await open(browser);
    let answer = { status: 500, body: '{"error":{"code":"broken","message":"It broke."}}' };
    await page.route('**/api/schedule', (route) => route.fulfill(answer));
    await page.goto('/');
    await page.getByText('The schedule could not be loaded').waitFor();
    await page.getByText('It broke.').waitFor();

    answer = { status: 200, body: '<html>' };
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('does not understand').waitFor();

    answer = { status: 200, body: JSON.stringify(season([], { fetched_at: null, stale: true })) };
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByTestId('empty').waitFor();
    await page.getByTestId('stale').waitFor();
    await context.close();
  });

  test('keeps the schedule when the host goes away, says so, and recovers', async () => {
    const { context, page } = await open(browser);
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await context.setOffline(true);
    await page.getByTestId('host-gone').waitFor({ timeout: 12_000 });
    assert.ok(await page.getByTestId('hero').isVisible(), 'what was heard stays');
    await context.setOffline(false);
    await page.getByTestId('host-gone').waitFor({ state: 'detached', timeout: 15_000 });
    await context.close();
  });

  test('strikes what is cancelled, and says what changed and what is not confirmed', async () => {
    const { context, page } = await open(browser);
    const start = Date.now() + 120 * MINUTE;
    const sessions = [
      session('practice1', start, { status: 'cancelled' }),
      session('qualifying', start + 60 * MINUTE, {
        status: 'changed',
        changed_at: new Date().toISOString(),
        previous_start: new Date(start + 90 * MINUTE).toISOString(),
      }),
      session('race', start + 1_500 * MINUTE, { start: null, end: null, status: 'unconfirmed' }),
    ];
    await page.route('**/api/schedule', (route) => route.fulfill({ json: season(sessions) }));
    await page.goto('/');
    const row = (kind) =>
      page.getByTestId('weekend').locator(`[data-session="2026-somewhere-${kind}"]`);
    assert.match(await row('practice1').innerText(), /Cancelled/);
    const line = await row('practice1')
      .locator('.title')
      .evaluate((e) => getComputedStyle(e).textDecorationLine);
    assert.equal(line, 'line-through');
    assert.match(await row('qualifying').innerText(), /changed\s*was .*\d\d:\d\d/);
    assert.match(await row('race').innerText(), /Time to be confirmed/);
    await page.setViewportSize({ width: 320, height: 700 });
    assert.equal(await overflow(page), 0, 'all of it fits a narrow phone');
    const hero = await page.getByTestId('hero').getAttribute('data-session');
    assert.equal(hero, '2026-somewhere-qualifying', 'a cancelled session is not the next one');
    await context.close();
  });

  test('subscribes a calendar and a television, as was chosen', async () => {
    const { context, page } = await open(browser);
    await page.goto('/');
    const box = page.getByTestId('subscribe');
    const button = page.getByRole('button', { name: 'Subscribe' });
    await button.click();
    assert.equal(await button.getAttribute('aria-expanded'), 'true');
    const address = async (what) => await box.getByTestId(`${what}-address`).innerText();
    assert.equal(await address('calendar'), `${ORIGIN}/schedule.ics`);
    for (const kind of ['Practice', 'Testing', 'Sprint Qualifying', 'Sprint', 'Qualifying']) {
      await box.getByLabel(kind, { exact: true }).uncheck();
    }
    await box.getByLabel('Reminder').selectOption('15 minutes before');
    const chosen = `${ORIGIN}/schedule.ics?sessions=race&alarm=15`;
    assert.equal(await address('calendar'), chosen);
    const link = await box.getByTestId('webcal').getAttribute('href');
    assert.equal(link, chosen.replace('http:', 'webcal:'));
    const calendar = await (await page.request.get(chosen)).text();
    assert.match(calendar, /^BEGIN:VCALENDAR\r\n/);
    assert.ok(calendar.includes('TRIGGER:-PT15M') && !calendar.includes('practice'));
    const list = await (await page.request.get(await address('list'))).text();
    assert.ok(list.startsWith('#EXTM3U') && list.includes(`${ORIGIN}/channels/best/master.m3u8`));
    assert.ok(list.includes(`"${await address('guide')}"`), 'the guide that the list names');
    assert.deepEqual(await violations(page), []);
    await button.click();
    await box.waitFor({ state: 'detached' });
    await context.close();
  });

  test('the skip link comes first and leads to the content', async () => {
    const { context, page } = await open(browser);
    await page.goto('/');
    await page.getByTestId('hero').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(
      await page.evaluate(() => document.activeElement?.textContent),
      'Skip to the content',
    );
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
    await context.close();
  });

  test('an unknown address has a page of its own', async () => {
    const { context, page } = await open(browser);
    await page.goto('/no-such-page');
    await page.getByTestId('error-page').waitFor();
    assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /no such page/i);
    await context.close();
  });
});

function session(kind, start, more = {}) {
  const iso = (ms) => new Date(ms).toISOString();
  return {
    id: `2026-somewhere-${kind}`,
    kind,
    name: kind,
    start: iso(start),
    end: iso(start + 60 * MINUTE),
    date: iso(start).slice(0, 10),
    state: 'upcoming',
    status: 'scheduled',
    changed_at: null,
    previous_start: null,
    ...more,
  };
}

function season(sessions, more = {}, timezone = 'UTC') {
  const circuit = { id: 'x', name: 'X', locality: 'Somewhere', country: 'There', timezone };
  const event = { id: '2026-somewhere', name: 'Some Grand Prix', round: 1, circuit, sessions };
  const now = new Date().toISOString();
  return {
    season: 2026,
    server_time: now,
    fetched_at: now,
    stale: false,
    sources: [],
    events: sessions.length > 0 ? [event] : [],
    ...more,
  };
}

/** A session two hours from now by the right clock; returns its instant. */
async function withNextSession(page, timezone = 'UTC') {
  const start = Math.ceil(Date.now() / 1000) * 1000 + 120 * MINUTE;
  await page.route('**/api/schedule', (route) =>
    route.fulfill({ json: season([session('race', start)], {}, timezone) }),
  );
  return start;
}

/** The seconds that a countdown shows. */
function seconds(text) {
  const factor = { day: 86_400, days: 86_400, hrs: 3_600, min: 60, sec: 1 };
  let sum = 0;
  for (const [, value, unit] of text.matchAll(/(\d+)\s*(days?|hrs|min|sec)/g)) {
    sum += Number(value) * factor[unit];
  }
  return sum;
}
