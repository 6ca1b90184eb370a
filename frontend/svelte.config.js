import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { sourceVersion } from './build-steps/source-version.js';
import { withoutInlineScript } from './build-steps/without-inline-script.js';

/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: vitePreprocess(),
  kit: {
    // Compression comes after the page is rewritten, so the wrapper does it.
    adapter: withoutInlineScript(adapter({ fallback: 'index.html', precompress: false })),
    version: { name: sourceVersion() },
    // The host sends the page's policy, and knows where media comes from.
  },
};
