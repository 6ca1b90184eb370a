// A single-page app: the host serves one static page for every route.
export const ssr = false;
export const prerender = false;
