// Requests to the site. All of them go through the host, which owns the
// allow-list, the address guard, the cookie jar and the budgets.

import { send, sendAll } from 'f1-streams:extractor/http@1.0.0';
import { badConfig, layoutChanged, network, other } from './error.js';
import { Mismatch, shaped } from './shape.js';
import { judge } from './status.js';
import { parsed } from './url.js';

// As in the Rust SDK: two or three hops are usual, and each counts.
const REDIRECTS = 8;

/**
 * GET. Only an answer to work with is returned; every other status, and trouble
 * on the way, is thrown as the case that fits.
 *
 * Options: `headers` (an object), `redirects` (how many; 0 returns the 3xx),
 * `cookies` (false neither sends nor keeps them), `timeout` (milliseconds),
 * `maxBody` (bytes; a longer one fails).
 */
export const get = (url, options = {}) => answered(() => send(request('get', url, options)));

/** POST, with a body of one kind: `form` (an object), `json` (a value), `text`. */
export const post = (url, options = {}) => answered(() => send(request('post', url, options)));

/**
 * Several GETs at once, answered in order: a function for each that returns its
 * response or throws, so that one that failed does not lose the others.
 */
export function getAll(urls, options = {}) {
  const answers = sendAll(urls.map((url) => request('get', url, options)));
  return answers.map(({ tag, val }) => () => {
    if (tag === 'err') throw failure(val);
    return new Response(judge(val));
  });
}

/**
 * What `answer()` returns, of an address that every server of its kind has: where
 * it is not found, this is another server, or another version of it.
 */
export function alwaysThere(answer, place) {
  try {
    return answer();
  } catch (error) {
    throw error.payload?.tag === 'not-found' ? layoutChanged(`${place} is not there`) : error;
  }
}

/** The site's answer. */
export class Response {
  #raw;

  constructor(raw) {
    this.#raw = raw;
    this.status = raw.status;
    /** The address after redirects. */
    this.url = raw.finalUrl;
  }

  /** The first header of that name. */
  header(name) {
    return this.#raw.headers.find(([found]) => found === name.toLowerCase())?.[1];
  }

  /** The body as UTF-8; what is not becomes U+FFFD. */
  text() {
    return new TextDecoder().decode(this.#raw.body);
  }

  /** The body's JSON in this shape (see shape.js); `layout-changed` names what is not. */
  json(shape) {
    // Without the query, which can hold a token: messages are shown.
    const name = `JSON of ${new URL(this.url).pathname}`;
    try {
      return shaped(JSON.parse(this.text()), shape);
    } catch (error) {
      throw layoutChanged(error instanceof Mismatch ? error.in(name) : name);
    }
  }

  /** A link in the body, made absolute as a browser does. */
  join(link) {
    const url = parsed(link, this.url);
    if (url === undefined) throw layoutChanged(`URL: ${link}`);
    return url.href;
  }
}

function request(method, url, options) {
  const { headers = {}, redirects = REDIRECTS, cookies = true, timeout, maxBody } = options;
  const type = options.json === undefined ? {} : { 'content-type': 'application/json' };
  return {
    method,
    url,
    headers: Object.entries({ ...type, ...headers }),
    body: body(options),
    redirects: redirects === 0 ? { tag: 'manual' } : { tag: 'follow', val: redirects },
    timeout,
    maxBody,
    cookies,
  };
}

function body({ form, json, text }) {
  if (form !== undefined) {
    return { tag: 'form', val: Object.entries(form).map(([name, value]) => [name, `${value}`]) };
  }
  if (json !== undefined) return { tag: 'text', val: JSON.stringify(json) };
  return text === undefined ? { tag: 'empty' } : { tag: 'text', val: text };
}

function answered(ask) {
  let raw;
  try {
    raw = ask();
  } catch (error) {
    // Not the host's answer: the request could not be said in the contract.
    if (error.payload === undefined) throw error;
    throw failure(error.payload);
  }
  return new Response(judge(raw));
}

function failure({ tag, val }) {
  switch (tag) {
    // Only the operator can grant a host.
    case 'denied':
      return badConfig(`the host refused the request: ${val}`);
    case 'invalid-request':
      return other(`invalid request: ${val}`);
    case 'budget-exhausted':
      return other("the call's request budget is used up");
    case 'body-too-large':
      return other(`body is larger than ${val} bytes`);
    case 'dns':
      return network('name does not resolve');
    case 'connect':
      return network('connection failed');
    case 'tls':
      return network(`TLS: ${val}`);
    case 'timeout':
      return network('timed out');
    case 'too-many-redirects':
      return network('too many redirects');
    default:
      return network(`${tag}: ${val}`);
  }
}
