// What a status means for the host's policy: the same table as the Rust SDK's.

import { blocked, layoutChanged, network, notFound, rateLimited } from './error.js';

// Looked for only where a bot check is plausible: ordinary pages mention captchas too.
const CHALLENGE_WORDS = [
  'captcha',
  'challenge-platform',
  'cf-chl',
  'ddos-guard',
  'just a moment',
  'checking your browser',
  'verify you are human',
  'are you a robot',
];

// A check says what it is near its beginning.
const CHALLENGE_WINDOW = 64 * 1024;

/** The response, where there is something to work with; otherwise throws the case. */
export function judge(response) {
  const { status } = response;
  if (header(response, 'cf-mitigated') === 'challenge') throw blocked('challenge');
  // 3xx comes only to a plugin that asked for redirects itself.
  if (status >= 200 && status < 400) return response;
  if ([403, 429, 503].includes(status) && isChallenge(response)) throw blocked('challenge');
  if (status === 401 || status === 407) throw blocked('login-required');
  if (status === 403) throw blocked('forbidden');
  if (status === 404 || status === 410) throw notFound();
  if (status === 451) throw blocked('geo');
  const wait = retryAfter(response);
  if (status === 429 || (status === 503 && wait !== undefined)) throw rateLimited(wait);
  if (status === 408 || status === 425 || status >= 500) {
    throw network(`the site answered ${status}`);
  }
  // The site no longer understands what the plugin asks.
  throw layoutChanged(`status ${status}`);
}

const header = (response, name) => response.headers.find(([found]) => found === name)?.[1];

// Seconds only: a date would need trust in the site's clock.
function retryAfter(response) {
  const text = header(response, 'retry-after')?.trim() ?? '';
  return /^\d+$/.test(text) ? Math.min(Number(text) * 1000, 2 ** 32 - 1) : undefined;
}

function isChallenge(response) {
  const window = response.body.subarray(0, CHALLENGE_WINDOW);
  const text = new TextDecoder().decode(window).toLowerCase();
  return CHALLENGE_WORDS.some((word) => text.includes(word));
}
