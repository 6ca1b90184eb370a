// The host's JSON as it comes over the wire: snake_case, times RFC 3339 UTC.

export type SessionKind =
  | 'practice1'
  | 'practice2'
  | 'practice3'
  | 'sprint_qualifying'
  | 'sprint'
  | 'qualifying'
  | 'race'
  | 'day1'
  | 'day2'
  | 'day3';

export type SessionState = 'upcoming' | 'soon' | 'live' | 'overtime' | 'finished';
export type SessionStatus = 'scheduled' | 'changed' | 'cancelled' | 'postponed' | 'unconfirmed';

export interface Session {
  id: string;
  kind: SessionKind;
  name: string;
  /** null: the time is to be confirmed and `date` is all that is known. */
  start: string | null;
  end: string | null;
  /** The UTC date, YYYY-MM-DD. */
  date: string;
  state: SessionState;
  status: SessionStatus;
  changed_at: string | null;
  /** The time it had before the one it has. */
  previous_start: string | null;
}

export interface Circuit {
  id: string;
  name: string;
  locality: string;
  country: string;
  /** IANA name; null for a circuit that nobody knows. */
  timezone: string | null;
}

export interface RaceEvent {
  id: string;
  name: string;
  /** null for a test. */
  round: number | null;
  circuit: Circuit;
  sessions: Session[];
}

export interface ScheduleSource {
  name: string;
  fetched_at: string | null;
  error: string | null;
}

export interface Schedule {
  season: number;
  server_time: string;
  fetched_at: string | null;
  stale: boolean;
  sources: ScheduleSource[];
  events: RaceEvent[];
}

/** When it starts, and its status. */
export type ScheduleMoment = [string | null, SessionStatus];

/** How the schedule is made, for the operator. */
export interface AdminSchedule {
  sources: ScheduleSource[];
  disagreements: {
    session: string;
    about: 'start' | 'listed';
    jolpica: string | null;
    openf1: string | null;
    used: string | null;
  }[];
  unmatched: string[];
  changes: { at: string; session: string; before: ScheduleMoment; after: ScheduleMoment }[];
}

export type StreamState = 'up' | 'degraded' | 'down' | 'unknown';
export type Protection = 'none' | 'clear_key' | 'drm' | 'unknown';

export interface Stream {
  id: string;
  site: string;
  label: string;
  language: string | null;
  quality: { height: number | null; bandwidth: number | null; label: string | null } | null;
  state: StreamState;
  health: {
    /** 0 answers, 1 is a playlist with media, 2 advances, 3 its newest segment is really media. */
    level: number;
    checked_at: string | null;
    latency_ms: number | null;
    reason: string | null;
  };
  protection: Protection;
  playable: boolean;
  play_url: string;
  rank: number;
}

export interface Streams {
  generated_at: string;
  /** The live or next session's id. */
  session: string | null;
  /** Best first. */
  streams: Stream[];
}

/** Who may watch: `auth.viewers`. */
export type Viewers = 'loopback' | 'token' | 'forward' | 'open';

/** Who is there. */
export interface Login {
  viewers: Viewers;
  /** May watch. */
  viewer: boolean;
  admin: boolean;
  /** As the operator or the proxy in front calls the viewer. */
  name: string | null;
  /** There is an admin interface. */
  has_admin: boolean;
}

export interface Queued {
  queued: boolean;
  retry_after_seconds?: number | null;
}
