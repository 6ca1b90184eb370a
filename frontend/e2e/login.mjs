// The host's answers on who is logged in, for tests that need no real login.

export const LOOPBACK = {
  viewers: 'loopback',
  viewer: true,
  admin: false,
  name: null,
  has_admin: true,
};
export const NOBODY = { ...LOOPBACK, viewers: 'token', viewer: false };
export const ANNA = { ...NOBODY, viewer: true, name: 'anna' };

export function refusal(code, status, headers = {}) {
  return { status, headers, json: { error: { code, message: `the host says ${code}` } } };
}

/**
 * Answers logins in the place of the host. `now`: what it says of who is there,
 * may be changed at any time. `gives`: what a token makes of somebody, or the
 * answer that refuses it. `asked`: each login and logout, with its headers.
 */
export async function stubLogin(page, now, gives = () => ({ ...now, viewer: true, admin: true })) {
  const login = { now, gives, asked: [] };
  const nobody = { ...now, admin: false, name: null, viewer: now.viewers !== 'token' };
  await page.route('**/api/session', (route) => route.fulfill({ json: login.now }));
  await page.route('**/log{in,out}', async (route) => {
    const request = route.request();
    if (request.method() !== 'POST') return route.fallback();
    const path = new URL(request.url()).pathname;
    login.asked.push({ path, headers: request.headers(), body: request.postData() });
    if (path === '/logout') {
      login.now = nobody;
      return route.fulfill({ status: 204 });
    }
    const given = login.gives(request.postDataJSON().token);
    if (given.status !== undefined) return route.fulfill(given);
    login.now = given;
    return route.fulfill({ json: given });
  });
  return login;
}
