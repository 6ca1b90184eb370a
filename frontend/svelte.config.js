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
    csp: {
      mode: 'hash',
      directives: {
        'default-src': ['none'],
        'script-src': ['self'],
        // media-chrome keeps its styles in <style> elements of its shadow roots.
        'style-src': ['self', 'unsafe-inline'],
        'img-src': ['self', 'data:'],
        'media-src': ['self', 'blob:'],
        'connect-src': ['self'],
        'manifest-src': ['self'],
        'base-uri': ['none'],
        'form-action': ['none'],
      },
    },
  },
};
