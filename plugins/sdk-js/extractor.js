/**
 * Write an f1-streams extractor in JavaScript.
 *
 *     import { get, hls, plugin, site } from '../sdk-js/extractor.js';
 *
 *     export const { metadata, extraction } = plugin({
 *       name: 'An example',
 *       hosts: ['*'],
 *       extract() {
 *         const { url } = get(site().url('/api/live')).json({ url: 'string' });
 *         return [hls({ id: 'main', url })];
 *       },
 *     });
 *
 * Key and version are `plugin.toml`'s. Everything is synchronous: the host waits,
 * other calls go on meanwhile. Each call has a fresh instance, so nothing set up
 * here outlives one; there is no clock, no randomness and no console.
 */

import { write } from 'f1-streams:extractor/log@1.0.0';
import { ExtractError, layoutChanged, notFound } from './error.js';
import { key, version } from './manifest.js';

export * from './error.js';
export { id } from './id.js';
export { alwaysThere, get, getAll, post, Response } from './request.js';
export { instances, secret, site } from './site.js';
export { dash, hls, progressive } from './stream.js';
export * as clock from 'f1-streams:extractor/clock@1.0.0';
export * as state from 'f1-streams:extractor/state@1.0.0';

/**
 * What the component exports. `name` is for people; `hosts` are those it asks
 * for, "*" for whatever the operator grants; `extract(hint)` returns the live
 * streams, best first; `probe()` says by throwing that the site is not as
 * expected, and is `extract` where it is not given. Optional: `secrets` (names),
 * `configSchema` (JSON Schema as text), `homepage`, `refreshAfter` (milliseconds).
 */
export function plugin(definition) {
  const { name, hosts = [], secrets = [], extract, probe = extract } = definition;
  const { homepage, configSchema, refreshAfter } = definition;
  return {
    metadata: {
      describe: () => ({
        key,
        name,
        version,
        homepage,
        allowedHosts: hosts,
        configSchema,
        secrets,
        refreshAfter,
        attributes: [],
      }),
    },
    extraction: {
      extract: (hint) =>
        typed(() => {
          const streams = extract(hint);
          // The contract has no empty success.
          if (streams.length === 0) throw notFound();
          return streams;
        }),
      probe: () => typed(() => void probe({ languages: [], extra: [] })),
    },
  };
}

/**
 * The streams that `make(item)` returns, one or a list, for every item. One that
 * throws is logged and left out; when nothing is left, the most telling error is
 * thrown: `layout-changed`, because that needs a person, and `not-found` only
 * where every item says so.
 */
export function keepGood(items, make) {
  const streams = [];
  const errors = [];
  for (const item of items) {
    try {
      streams.push(typed(() => make(item)));
    } catch (error) {
      if (tag(error) !== 'not-found') log('warn', 'left out', { reason: error.message });
      errors.push(error);
    }
  }
  if (streams.length > 0) return streams.flat();
  errors.sort((a, b) => telling(a) - telling(b));
  throw errors[0] ?? notFound();
}

const tag = (error) => error.payload.tag;
const telling = (error) => ({ 'layout-changed': 0, 'not-found': 2 })[tag(error)] ?? 1;

/** A line in the host's log. `level` is "trace", "debug", "info", "warn" or "error". */
export function log(level, message, fields = {}) {
  const values = Object.entries(fields).map(([name, value]) => [name, `${value}`]);
  write(level, message, values);
}

/**
 * An error of the language is a value that nobody expected, and the plugin needs
 * a fix: `layout-changed`, with the stack in the log.
 */
function typed(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExtractError) throw error;
    log('error', `${error}`, { stack: error?.stack });
    throw layoutChanged(`${error}`);
  }
}
