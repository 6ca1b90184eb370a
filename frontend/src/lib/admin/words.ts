// Plugin states, events, run outcomes and refusals in words. Pure.

import type { PluginAction } from '../api/admin';
import type { PluginState } from '../api/plugins';
import type { LiveState } from './live.svelte';

export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

export interface Said {
  word: string;
  tone: Tone;
  /** What it means, in a sentence. */
  means: string;
}

const PLUGIN: Record<PluginState, Said> = {
  live: { word: 'Live', tone: 'good', means: 'It is used for every extraction.' },
  probation: {
    word: 'On probation',
    tone: 'warn',
    means:
      'It is used, but has not brought a stream yet. If it fails by its own fault, the last proven one comes back, where there is one.',
  },
  held: {
    word: 'Held',
    tone: 'warn',
    means: 'A version waits for approval, because it asks for more than the one before.',
  },
  disabled: {
    word: 'Disabled',
    tone: 'quiet',
    means: 'Its sites are not run until it is enabled again.',
  },
  refused: { word: 'Refused', tone: 'bad', means: 'No version of it works.' },
  missing: { word: 'Missing', tone: 'bad', means: 'A site asks for it and there is no such file.' },
};

/** Whatever its state: its breaker is open. */
export const PAUSED: Said = { word: 'Paused', tone: 'bad', means: 'It is not called for a while.' };

/** An unknown state is shown as it is: better than nothing said. */
export function stateOf(state: string): Said {
  return PLUGIN[state as PluginState] ?? { word: spaced(state), tone: 'quiet', means: '' };
}

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
  instantiate: 'It did not start',
  invalid_output: 'Its answer was not valid',
  breaker_open: 'Not called: too many faults',
};

export function outcome(code: string): string {
  return OUTCOMES[code] ?? spaced(code);
}

const EVENTS: Record<string, [string, Tone]> = {
  seen: ['New file seen', 'quiet'],
  live: ['Serves', 'good'],
  settled: ['Proven', 'good'],
  rolled_back: ['Rolled back', 'warn'],
  refused: ['Refused', 'bad'],
  quarantined: ['Quarantined', 'bad'],
  held: ['Held for approval', 'warn'],
  approved: ['Approved', 'good'],
  disabled: ['Disabled', 'quiet'],
  enabled: ['Enabled', 'good'],
  removed: ['File removed', 'warn'],
  breaker_open: ['Paused after faults', 'bad'],
  breaker_closed: ['Called again', 'good'],
  widened: ['Asks for more', 'warn'],
};

export function happened(kind: string): { word: string; tone: Tone } {
  const [word, tone] = EVENTS[kind] ?? [spaced(kind), 'quiet'];
  return { word, tone };
}

/** What the host has begun to do when it answers; most of it takes a moment. */
export const DONE: Record<PluginAction, string> = {
  reload: 'Its file is loaded again.',
  rollback: 'The version before takes over.',
  approve: 'Approved. It is tried once more, then it serves.',
  disable: 'Disabled.',
  enable: 'Enabled.',
};

/** After what was done, where the host could not write it down. */
export const UNSAVED = 'It is not on disk, so a restart forgets it.';

/** The host's codes where the page can say it better than the host. */
export const REFUSED: Record<string, string> = {
  no_such_plugin: 'There is no such plugin any more.',
  nothing_to_roll_back: 'There is no earlier version to go back to.',
  nothing_held: 'Nothing waits for approval any more.',
  changed: 'Another version waits by now. Look at what it asks for.',
  not_disabled: 'It is not disabled.',
  already_disabled: 'It is disabled already.',
};

export const LIVE: Record<LiveState, string> = {
  off: 'Not connected',
  connecting: 'Connecting…',
  live: 'Live updates',
  reconnecting: 'Reconnecting…',
  polling: 'Asking every 2 s',
};

/** Enough of a digest to tell two files apart by eye. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.round(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** "1 fault", "3 faults". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** "4 min 05 s": what is left of a pause that somebody waits for. */
export function left(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const rest = String(seconds % 60).padStart(2, '0');
  return `${Math.floor(seconds / 60)} min ${rest} s`;
}

function spaced(code: string): string {
  return code.replaceAll('_', ' ');
}
