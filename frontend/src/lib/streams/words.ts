// A stream's health and quality in words. Pure.

import type { Stream, StreamState } from '../api/types';

export const HEALTH: Record<StreamState, string> = {
  up: 'healthy',
  degraded: 'unsteady',
  down: 'down',
  unknown: 'not checked yet',
};

const PROVED = [
  'its address answers',
  'it has a playlist with media',
  'its playlist advances',
  'its newest segment is really media',
];

/** What the last health check proved, or why the stream is not healthy. */
export function proof(stream: Stream): string {
  if (stream.health.checked_at === null) return 'Not checked yet.';
  if (stream.health.reason !== null) return stream.health.reason;
  return `The last check saw that ${PROVED[stream.health.level] ?? PROVED[0]}.`;
}

export function height(pixels: number | null | undefined): string | null {
  return pixels ? `${pixels}p` : null;
}

export function quality(stream: Stream): string | null {
  return height(stream.quality?.height) ?? stream.quality?.label ?? null;
}

/** Why a stream cannot be chosen; null when it can. */
export function obstacle(stream: Stream): string | null {
  if (stream.playable) return null;
  if (stream.protection === 'drm') return 'Protected by DRM: not playable here';
  return stream.health.reason ?? 'Not playable';
}

export function language(tag: string | null): string | null {
  if (tag === null) return null;
  try {
    return new Intl.DisplayNames('en', { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
