// A second host beside the running system, with the same sites and the same
// simulated internet, and settings of its own.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** As xtask starts the system: the program, and the directory that it runs in. */
export const PROGRAM = process.env.F1_HOST_PROGRAM ?? '';
const SYSTEM = dirname(dirname(process.env.F1_PLUGINS_DIR ?? '//'));
const START_MS = 30_000;

/**
 * Starts it with `settings`, for the port it has, in the words of the
 * configuration's variables.
 * `base`: where it is. `data`: its data directory. `stop` ends it.
 */
export async function startHost(settings) {
  const dir = mkdtempSync(join(tmpdir(), 'f1-streams-e2e-'));
  const data = join(dir, 'data');
  for (const part of ['plugins', 'sites']) {
    cpSync(join(SYSTEM, 'data', part), join(data, part), { recursive: true });
  }
  const port = await freePort();
  const log = join(dir, 'host.log');
  const child = spawn(PROGRAM, ['serve', '--config', join(SYSTEM, 'f1-streams.toml')], {
    cwd: dir,
    stdio: ['ignore', 'ignore', openSync(log, 'w')],
    env: {
      ...process.env,
      F1_STREAMS__DATA_DIR: data,
      F1_STREAMS__CACHE_DIR: join(dir, 'cache'),
      F1_STREAMS__SERVER__LISTEN: `127.0.0.1:${port}`,
      ...settings(port),
    },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const base = `http://127.0.0.1:${port}`;
  const begun = Date.now();
  while (!(await answers(`${base}/readyz`))) {
    if (child.exitCode !== null || Date.now() - begun > START_MS) {
      const said = readFileSync(log, 'utf8');
      await stop();
      throw new Error(`the second host does not become ready:\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { base, data, stop };
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
