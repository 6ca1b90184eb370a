// Times as text. Pure: zone and locale come in, nothing is read from outside.
// The locale is the browser's where the caller gives none, so that a 12-hour
// or a 24-hour reader sees what they are used to.

type Locale = string | undefined;

/** "Sun 22 Nov" of an instant. */
export function day(at: string, timeZone: string, locale?: Locale): string {
  return format(at, { weekday: 'short', day: 'numeric', month: 'short', timeZone }, locale);
}

/** "Sunday 22 November" of an instant. */
export function longDay(at: string, timeZone: string, locale?: Locale): string {
  return format(at, { weekday: 'long', day: 'numeric', month: 'long', timeZone }, locale);
}

/** "04:00" or "4:00 AM". */
export function time(at: string, timeZone: string, locale?: Locale): string {
  return format(at, { hour: '2-digit', minute: '2-digit', timeZone }, locale);
}

/** "04:00 UTC", "20:00 GMT-8". The zone's short name is that of this instant. */
export function timeWithZone(at: string, timeZone: string, locale?: Locale): string {
  return format(
    at,
    { hour: '2-digit', minute: '2-digit', timeZoneName: 'short', timeZone },
    locale,
  );
}

/** With seconds, for operators. */
export function exact(at: string, timeZone: string, locale?: Locale): string {
  return format(at, { dateStyle: 'medium', timeStyle: 'medium', timeZone }, locale);
}

/** Equal for instants of one calendar day in the zone, and sortable. */
export function dayKey(at: string, timeZone: string): string {
  return format(at, { year: 'numeric', month: '2-digit', day: '2-digit', timeZone }, 'en-CA');
}

/** "20–22 Nov" for the days from one instant to another. */
export function dayRange(from: string, to: string, timeZone: string, locale?: Locale): string {
  const options = { day: 'numeric', month: 'short', timeZone } as const;
  return new Intl.DateTimeFormat(locale, options).formatRange(new Date(from), new Date(to));
}

/** A bare date is the same day everywhere: written in UTC whatever the zone. */
export function dateOnly(date: string, locale?: Locale): string {
  return day(`${date}T00:00:00Z`, 'UTC', locale);
}

/** "now", "12 s", "3 min", "3 h", "2 d": how long ago or how long it took. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.round(hours / 24)} d`;
}

export function ago(at: string, now: number): string {
  const ms = now - Date.parse(at);
  return ms < 2_000 ? 'just now' : `${span(ms)} ago`;
}

function format(at: string, options: Intl.DateTimeFormatOptions, locale: Locale): string {
  return new Intl.DateTimeFormat(locale, options).format(new Date(at));
}
