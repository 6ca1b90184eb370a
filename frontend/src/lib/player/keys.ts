// The watch page's keys. Pure: what was pressed, and where, to what it means.

export type Command =
  | { do: 'play' | 'mute' | 'fullscreen' | 'pip' | 'live' | 'next' | 'previous' | 'help' }
  | { do: 'pick'; index: number };

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/** Where the focus is: a field takes every key, a control takes Space. */
export type Focus = 'page' | 'control' | 'field';

interface Shortcut {
  keys: readonly string[];
  what: string;
  /** From the first key to the last, and not one or the other. */
  range?: true;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ['K', 'Space'], what: 'Play or pause' },
  { keys: ['M'], what: 'Sound on or off' },
  { keys: ['F'], what: 'Full screen' },
  { keys: ['I'], what: 'Picture in picture' },
  { keys: ['L'], what: 'Jump to live' },
  { keys: ['N'], what: 'Next stream' },
  { keys: ['P'], what: 'Previous stream' },
  { keys: ['1', '9'], what: 'Pick a stream by its number', range: true },
  { keys: ['?'], what: 'This list' },
];

const LETTERS: Record<string, Command> = {
  k: { do: 'play' },
  ' ': { do: 'play' },
  m: { do: 'mute' },
  f: { do: 'fullscreen' },
  i: { do: 'pip' },
  l: { do: 'live' },
  n: { do: 'next' },
  p: { do: 'previous' },
  '?': { do: 'help' },
};

export function command(pressed: Pressed, focus: Focus): Command | null {
  if (focus === 'field' || pressed.repeat) return null;
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return null;
  if (pressed.key === ' ' && focus === 'control') return null;
  if (/^[1-9]$/.test(pressed.key)) return { do: 'pick', index: Number(pressed.key) - 1 };
  return LETTERS[pressed.key.toLowerCase()] ?? null;
}
