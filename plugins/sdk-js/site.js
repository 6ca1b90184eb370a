// The operator's side of a plugin: where its site is, and its settings. What is
// missing or wrong there is thrown as `bad-config`, with its place.

import { getJson, secret as secretOf } from 'f1-streams:extractor/config@1.0.0';
import { badConfig } from './error.js';
import { id } from './id.js';
import { Mismatch, shaped } from './shape.js';
import { parsed } from './url.js';

// As in the Rust SDK: more would not fit into one call anyhow.
const MAX_INSTANCES = 64;

/**
 * This call's site: `settings` in the given shape (see shape.js), `base` (its
 * base URL, undefined where there is none) and `url(path)` below that base.
 */
export function site(shape = {}) {
  const { base_url: base, ...document } = JSON.parse(getJson());
  const url = (path) => {
    if (base === undefined) throw badConfig('base_url is missing');
    return below(base, path);
  };
  try {
    return { base, settings: shaped(document, shape), url };
  } catch (error) {
    throw error instanceof Mismatch ? badConfig(error.in('settings')) : error;
  }
}

/**
 * Several servers of one kind in one site: `[[settings.instances]]`, each with a
 * `url` and perhaps a `label`; without the list, the base URL is the one.
 */
export function instances() {
  const { settings, base } = site({ 'instances?': [{ url: 'string', 'label?': 'string' }] });
  const listed = settings.instances ?? [];
  if (listed.length > MAX_INSTANCES) throw badConfig(`more than ${MAX_INSTANCES} instances`);
  if (listed.length > 0) {
    return listed.map(({ url, label }, index) => new Instance(url, label, index + 1));
  }
  if (base === undefined) throw badConfig('base_url is missing');
  return [new Instance(base)];
}

/** One server. Viewers must not learn from a label or an id where it is. */
export class Instance {
  #url;
  #label;
  #number;

  constructor(url, label, number) {
    this.#url = url;
    this.#label = label;
    this.#number = number;
  }

  /** An address on this server; its URL's own path is kept. */
  url(path) {
    return below(this.#url, path);
  }

  /** What viewers read: the operator's label, else the server's own name, else its number. */
  label(own) {
    const name = typeof own === 'string' ? own.trim() : '';
    return this.#label ?? (name === '' ? `Server ${this.#number ?? 1}` : name);
  }

  /**
   * The id of a stream on this server that the server calls `stream`: of a list's
   * servers it begins with the label, or else with the number.
   */
  id(stream) {
    const server = this.#label ?? this.#number;
    return id(server === undefined ? stream : `${server} ${stream}`);
  }
}

/** A path below a base URL, whose own path is kept. */
export function below(base, path) {
  const joined = `${base.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`;
  const url = parsed(joined);
  if (!url?.host) throw badConfig(`${joined} is no URL`);
  return url.href;
}

/** A secret by name, which `plugin({ secrets: […] })` must list. */
export function secret(name) {
  const value = secretOf(name);
  if (value === undefined) throw badConfig(`the secret ${name} is missing`);
  return value;
}
