// Puts a plugin's file into the host's plugins directory. By XMLHttpRequest and
// not by `fetch`, which cannot say how much of a body was sent.

import { asking, failed } from './asker';
import { PAGE_HEADER, parse, refusal } from './client';
import { ApiError } from './error';
import type { Accepted } from './plugins';

// The host compiles the file before it answers.
const TIMEOUT_MS = 300_000;

export interface Sending {
  answer: Promise<Accepted>;
  /** Ends the request; `answer` then rejects with kind "stopped". */
  stop: () => void;
}

/** `onsent` is told the part sent, 0 to 1; at 1 the host begins to judge. */
export function putPlugin(key: string, file: Blob, onsent: (part: number) => void): Sending {
  const still = asking();
  const request = new XMLHttpRequest();
  const answer = new Promise<Accepted>((resolve, reject) => {
    const fail = (kind: ApiError['kind'], message: string) => () =>
      reject(new ApiError(kind, null, message));
    request.upload.onprogress = ({ loaded, total }) => onsent(total > 0 ? loaded / total : 0);
    request.upload.onload = () => onsent(1);
    request.onabort = fail('stopped', 'The upload was stopped.');
    request.onerror = fail('unreachable', 'the connection broke');
    request.ontimeout = fail('timeout', `no answer within ${TIMEOUT_MS} ms`);
    request.onload = () => {
      try {
        if (request.status >= 400) throw refusal(request.status, request.responseText);
        resolve(parse(request.responseText, isAccepted));
      } catch (cause) {
        failed(cause as ApiError, still);
        reject(cause as ApiError);
      }
    };
  });
  request.open('PUT', `/api/admin/plugins/${encodeURIComponent(key)}`);
  request.timeout = TIMEOUT_MS;
  request.setRequestHeader(PAGE_HEADER, '1');
  request.setRequestHeader('accept', 'application/json');
  request.setRequestHeader('content-type', 'application/wasm');
  request.send(file);
  return { answer, stop: () => request.abort() };
}

function isAccepted(value: Record<string, unknown>): value is Record<string, unknown> & Accepted {
  return typeof value['digest'] === 'string';
}
