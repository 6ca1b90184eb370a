import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the page and hands everything else to a running host.
const host = process.env.F1_BASE_URL ?? 'http://127.0.0.1:8080';
const passedOn = [
  ...['/api', '/login', '/logout'],
  ...['/streams', '/channels', '/proxy', '/relay'],
  ...['/healthz', '/readyz'],
];

export default defineConfig({
  plugins: [sveltekit()],
  // What is in the page, for docs/licences.md; no part of it itself.
  build: { target: 'es2022', license: { fileName: '.vite/license.json' } },
  server: { proxy: Object.fromEntries(passedOn.map((path) => [path, host])) },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
