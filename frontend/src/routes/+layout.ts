import { session } from '$lib/session.svelte';

// A single-page app: the host serves one static page for every route.
export const ssr = false;
export const prerender = false;

/** Asks who is there while the page's code is still on its way. */
export function load(): void {
  void session.refresh();
}
