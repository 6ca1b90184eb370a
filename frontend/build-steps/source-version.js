// The app's version is what it was built from, so that the same sources give
// the same files, and a page that is older than the host notices it.

import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = ['package-lock.json', 'svelte.config.js', 'vite.config.ts', 'src', 'static'];

export function sourceVersion() {
  const hash = createHash('sha256');
  for (const path of SOURCES.flatMap(filesBelow)) {
    hash.update(path).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesBelow(path) {
  try {
    const names = readdirSync(path).sort();
    return names.flatMap((name) => filesBelow(join(path, name)));
  } catch {
    return [path];
  }
}
