// Which login a request goes out with: an answer to an earlier one says nothing
// of who one is now. And whom it concerns that a login is needed.

import type { ApiError } from './error';

/** What the host refuses to whom it does not know, or no longer. */
export type Refused = 'viewer' | 'admin';

const CODES = new Map<string | null, Refused | 'proxy'>([
  ['login_needed', 'viewer'],
  ['unauthorized', 'admin'],
  // No word of the host's: it came from something in front of it.
  [null, 'proxy'],
]);

let login = 0;
let onrefused: (what: Refused | 'proxy') => void = () => {};

/** Call when a request is sent. What it returns is false once somebody logged in or out. */
export function asking(): () => boolean {
  const mine = login;
  return () => mine === login;
}

/** Somebody logged in or out. */
export function changed(): void {
  login += 1;
}

/** `still`: of the request that failed. */
export function failed(error: ApiError, still: () => boolean): void {
  const what = CODES.get(error.code);
  if (error.kind === 'unauthorized' && what !== undefined && still()) onrefused(what);
}

export function whenRefused(tell: (what: Refused | 'proxy') => void): void {
  onrefused = tell;
}
