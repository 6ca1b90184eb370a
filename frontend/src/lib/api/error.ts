// What can go wrong between the page and the host, in the terms a caller
// decides by. The wording for people is in `describe`, nowhere else.

export type ApiErrorKind =
  | 'unreachable' // no answer at all
  | 'timeout' // no answer in time
  | 'unauthorized' // 401
  | 'not_found' // 404
  | 'limited' // 429
  | 'refused' // any other 4xx
  | 'server' // 5xx
  | 'stopped' // by the one who asked
  | 'invalid'; // an answer that is not the promised JSON

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly kind: ApiErrorKind,
    /** The host's stable code, where it sent one. */
    readonly code: string | null,
    message: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }

  /** The host is not there, as opposed to: it answered something unwelcome. */
  get hostGone(): boolean {
    return this.kind === 'unreachable' || this.kind === 'timeout';
  }
}

export function kindOfStatus(status: number): ApiErrorKind {
  if (status === 401) return 'unauthorized';
  if (status === 404) return 'not_found';
  if (status === 429) return 'limited';
  return status >= 500 ? 'server' : 'refused';
}

export function describe(error: ApiError): string {
  switch (error.kind) {
    case 'unreachable':
      return 'The server cannot be reached.';
    case 'timeout':
      return 'The server did not answer in time.';
    case 'invalid':
      return 'The server sent an answer this page does not understand.';
    default:
      return error.message;
  }
}
