// Which zone the page writes times in. Pure.

export type ZoneChoice = 'local' | 'track' | 'utc';

export const ZONE_CHOICES: readonly { choice: ZoneChoice; label: string }[] = [
  { choice: 'local', label: 'My time' },
  { choice: 'track', label: 'Track time' },
  { choice: 'utc', label: 'UTC' },
];

export function isZoneChoice(value: unknown): value is ZoneChoice {
  return value === 'local' || value === 'track' || value === 'utc';
}

export function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The IANA zone to write in. A zone that this browser does not know becomes UTC. */
export function zoneFor(choice: ZoneChoice, trackZone: string | null, local = localZone()): string {
  const zone = choice === 'utc' ? 'UTC' : choice === 'track' ? trackZone : local;
  return isKnown(zone) ? zone : 'UTC';
}

function isKnown(zone: string | null): zone is string {
  if (zone === null) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
