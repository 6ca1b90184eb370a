// The countdown's numbers and when it speaks. Pure.

export interface Remaining {
  days: number;
  hours: number;
  minutes: number;
  seconds: number;
}

export function remaining(ms: number): Remaining {
  const total = Math.max(0, Math.floor(ms / 1000));
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3_600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  };
}

/** For a row of a list: the two largest units, e.g. "2 d 4 h", "13 min". */
export function shortRemaining(ms: number): string {
  const { days, hours, minutes } = remaining(ms);
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min`;
  return 'less than a minute';
}

const SPOKEN_MINUTES = [60, 10, 1];

/**
 * What a screen reader is told when the countdown went from `before` to `now`:
 * something at 60, 10 and 1 minutes and at the start, otherwise nothing.
 */
export function spoken(what: string, before: number, now: number): string | null {
  if (before > 0 && now <= 0) return `${what} starts now.`;
  for (const minutes of SPOKEN_MINUTES) {
    const mark = minutes * 60_000;
    if (before > mark && now <= mark) {
      return `${what} starts in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
    }
  }
  return null;
}
