/** What the schedule's sources are called, and which of them is silent. Pure. */
import type { Schedule, ScheduleSource } from '../api/types';

const NAMES: Record<string, string> = {
  jolpica: 'Jolpica',
  openf1: 'OpenF1',
  store: 'Stored copy',
  overrides: 'Your overrides',
};

export function nameOf(source: ScheduleSource): string {
  return NAMES[source.name] ?? source.name;
}

/** Of a schedule that is stale, the source that has answered and has been silent longest since. */
export function silent(schedule: Schedule): { name: string; since: string } | null {
  const answered = schedule.sources.flatMap((source) =>
    source.fetched_at === null ? [] : [{ name: nameOf(source), since: source.fetched_at }],
  );
  answered.sort((one, other) => Date.parse(one.since) - Date.parse(other.since));
  return schedule.stale ? (answered[0] ?? null) : null;
}
