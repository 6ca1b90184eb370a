// What the host says of who is there, for tests.

import type { Login } from './api/types';

export function aLogin(more: Partial<Login> = {}): Login {
  return { viewers: 'token', viewer: true, admin: false, name: 'anna', has_admin: true, ...more };
}

/** In the same place, without one. */
export const NOBODY = aLogin({ viewer: false, name: null });
export const ADMIN = aLogin({ admin: true, name: null });
