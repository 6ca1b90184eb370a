// The built page starts the app from an inline script. This adapter wrapper
// moves that script into a file of its own, so that a Content-Security-Policy
// of `script-src 'self'` is enough and the host needs to know no hash.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const INLINE_SCRIPT = /<script>([\s\S]*?)<\/script>/g;

/**
 * @param {import('@sveltejs/kit').Adapter} inner
 * @returns {import('@sveltejs/kit').Adapter}
 */
export function withoutInlineScript(inner) {
  return {
    ...inner,
    name: `${inner.name} without inline script`,
    async adapt(builder) {
      await inner.adapt(builder);
      externalise('build', 'index.html', builder.config.kit.appDir);
      await builder.compress('build');
    },
  };
}

/**
 * @param {string} directory
 * @param {string} page
 * @param {string} appDir
 */
function externalise(directory, page, appDir) {
  const path = join(directory, page);
  const html = readFileSync(path, 'utf8');
  const scripts = [...html.matchAll(INLINE_SCRIPT)];
  if (scripts.length !== 1) {
    throw new Error(`${page}: expected one inline script, found ${scripts.length}`);
  }
  const code = scripts[0][1].trim() + '\n';
  const digest = createHash('sha256').update(code).digest('hex').slice(0, 12);
  const name = `${appDir}/immutable/boot.${digest}.js`;
  writeFileSync(join(directory, name), code);
  writeFileSync(
    path,
    html.replace(INLINE_SCRIPT, () => `<script src="/${name}"></script>`),
  );
}
