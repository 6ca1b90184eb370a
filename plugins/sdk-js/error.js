// Why nothing usable came back, as in the contract's `extract-error`. The case
// drives the host's policy, the message only explains it. Throw what these
// functions return.

// Enough to find the place in a page, too little to carry a page.
const MAX_MESSAGE = 200;

/** Thrown by everything here; the contract's value is in `payload`. */
export class ExtractError extends Error {
  constructor(tag, value) {
    super(typeof value === 'string' ? `${tag}: ${cut(value)}` : tag);
    this.payload = { tag, val: typeof value === 'string' ? cut(value) : value };
  }
}

/** The site works and has no such event, or it is not live yet. */
export const notFound = () => new ExtractError('not-found');

/** The page no longer has the expected shape at `place`: the plugin needs a fix. */
export const layoutChanged = (place) => new ExtractError('layout-changed', place);

/** `reason` is "challenge", "forbidden", "geo" or "login-required". */
export const blocked = (reason) => new ExtractError('blocked', reason);

/** Come back later, in milliseconds where the site said when. */
export const rateLimited = (wait) => new ExtractError('rate-limited', wait);

export const network = (why) => new ExtractError('network', why);

/** The operator's settings for this site are missing or wrong. */
export const badConfig = (what) => new ExtractError('bad-config', what);

/** Only protected media was found. */
export const onlyProtected = () => new ExtractError('protected');

export const other = (why) => new ExtractError('other', why);

function cut(message) {
  const characters = Array.from(message.slice(0, 2 * MAX_MESSAGE + 2));
  return characters.length > MAX_MESSAGE
    ? `${characters.slice(0, MAX_MESSAGE).join('')}…`
    : message;
}
