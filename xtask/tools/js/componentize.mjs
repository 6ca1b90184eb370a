// One plugin in JavaScript to a component: node componentize.mjs SOURCE WIT OUT,
// in the directory that holds everything it imports. `build-plugins` calls it.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cwd, exit, stderr } from 'node:process';
import { componentize } from '@bytecodealliance/componentize-js';
import oxc from 'oxc-parser';

const [source, witPath, out] = process.argv.slice(2);

// The engine's own words about a syntax error have no line.
for (const entry of await readdir(cwd(), { recursive: true })) {
  if (!entry.endsWith('.js')) continue;
  const { errors } = oxc.parseSync(entry, await readFile(entry, 'utf8'));
  for (const { message, codeframe } of errors) stderr.write(`${entry}: ${message}\n${codeframe}\n`);
  if (errors.length > 0) exit(1);
}

const { component } = await componentize({
  sourcePath: join(cwd(), source),
  witPath,
  worldName: 'extractor',
  // What is left imports the contract and nothing else.
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(out, component);
