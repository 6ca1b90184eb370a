// Logging in and out. What proves a login is a cookie that no script reads.

import { call, exchange } from './client';
import type { Login } from './types';

// Nothing shows before the first answer, and then there may be others to wait for.
const TIMEOUT_MS = 2_000;

export function getSession(): Promise<Login> {
  return call('/api/session', { timeoutMs: TIMEOUT_MS, shape: isLogin });
}

/** Resolves with what the token makes of who has it. */
export function logIn(token: string): Promise<Login> {
  return call('/login', { method: 'POST', json: { token }, shape: isLogin });
}

export function logOut(): Promise<void> {
  return exchange('/logout', { method: 'POST' }, async () => {});
}

function isLogin(value: Record<string, unknown>): value is Record<string, unknown> & Login {
  return (
    typeof value['viewers'] === 'string' &&
    typeof value['viewer'] === 'boolean' &&
    typeof value['admin'] === 'boolean' &&
    typeof value['has_admin'] === 'boolean' &&
    (value['name'] === null || typeof value['name'] === 'string')
  );
}
