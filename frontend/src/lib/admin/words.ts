// Plugin states and run outcomes in words. Pure.

import type { PluginState } from '../api/types';

export interface Said {
  word: string;
  tone: 'good' | 'warn' | 'bad' | 'quiet';
  /** What it means, in a sentence. */
  means: string;
}

export const PLUGIN: Record<PluginState, Said> = {
  live: { word: 'Live', tone: 'good', means: 'It is used for every extraction.' },
  probation: {
    word: 'On probation',
    tone: 'warn',
    means:
      'It is used, but has not brought a stream yet. If it fails by its own fault, the last proven one comes back, where there is one.',
  },
  refused: { word: 'Refused', tone: 'bad', means: 'No version of it works.' },
  missing: { word: 'Missing', tone: 'bad', means: 'A site asks for it and there is no such file.' },
};

const OUTCOMES: Record<string, string> = {
  ok: 'Succeeded',
  not_found: 'Nothing there',
  layout_changed: 'The page has changed',
  blocked: 'Blocked by the site',
  rate_limited: 'Rate limited',
  network: 'Network trouble',
  bad_config: 'Bad configuration',
  protected: 'Protected media',
  trap: 'The plugin crashed',
  deadline: 'It took too long',
  memory: 'It took too much memory',
  invalid_output: 'Its answer was not valid',
};

/** An unknown code is shown as it is: better than nothing said. */
export function outcome(code: string): string {
  return OUTCOMES[code] ?? code.replaceAll('_', ' ');
}

/** Enough of a digest to tell two files apart by eye. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.round(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
