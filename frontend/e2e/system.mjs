// What every end-to-end test shares: the running system's address, a browser,
// and a page whose requests and console are written down.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const BASE_URL = required('F1_BASE_URL').replace(/\/$/, '');
export const ADMIN_TOKEN = process.env.F1_ADMIN_TOKEN ?? '';
export const ORIGIN = new URL(BASE_URL).origin;

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

/** A browser of its own with a fresh profile; close it when done. */
export async function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`no browser at ${executablePath}: set CHROMIUM to a Chromium`);
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

/**
 * A page in a context of its own.
 * `requests`: every URL asked for. `consoleErrors`: what the console called an
 * error, and what was thrown and not caught.
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({
    baseURL: BASE_URL,
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  const page = await context.newPage();
  const requests = [];
  const consoleErrors = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  page.on('console', (message) => {
    if (message.type() === 'error') consoleErrors.push(message.text());
  });
  page.on('pageerror', (error) => consoleErrors.push(String(error)));
  return { context, page, requests, consoleErrors };
}

/** The requests that left the host's own origin. */
export function foreign(requests) {
  return requests.filter((url) => {
    if (url.startsWith('blob:') || url.startsWith('data:')) return false;
    return new URL(url).origin !== ORIGIN;
  });
}

/** Bytes of JavaScript that came over the wire for this page. */
export function scriptBytes(page) {
  return page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter((entry) => new URL(entry.name).pathname.endsWith('.js'))
      .reduce((sum, entry) => sum + entry.transferSize, 0),
  );
}

/** Waits until the video shows moving pictures; returns what it saw. */
export async function playing(page, timeout = 30_000) {
  await page.waitForFunction(
    () => {
      const video = document.querySelector('video');
      return video !== null && video.videoWidth > 0 && video.currentTime > 0 && !video.paused;
    },
    null,
    { timeout },
  );
  const before = await position(page);
  await page.waitForFunction(
    (from) => (document.querySelector('video')?.currentTime ?? 0) > from,
    before.time,
    { timeout: 10_000 },
  );
  return position(page);
}

export function position(page) {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    return { time: video.currentTime, width: video.videoWidth, height: video.videoHeight };
  });
}

/** Fills in the login that the page shows. */
export async function logIn(page, token = ADMIN_TOKEN) {
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function logOut(page) {
  await page.getByTestId('who').click();
  await page.getByRole('button', { name: 'Log out' }).click();
}

/** The violations of WCAG 2.0 to 2.2, A and AA, in a form that reads well in a failure. */
export async function violations(page) {
  // Injected by the driver and not by a <script>, which the page's policy refuses.
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => {
    const result = await window.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return result.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`),
    }));
  }, AXE_TAGS);
  return found;
}

/** How many pixels the page is wider than the window. */
export function overflow(page) {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}

export async function answered(page, path) {
  const response = await page.waitForResponse((r) => new URL(r.url()).pathname === path);
  return response.json();
}

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: it is the address of the running system`);
  return value;
}
