// The admin API's JSON as it comes over the wire: snake_case, times RFC 3339 UTC.

export type PluginState = 'live' | 'probation' | 'held' | 'disabled' | 'refused' | 'missing';

/** A record of an extraction that was not taken. */
export interface Refusal {
  id: string;
  code: string;
  message: string;
}

export interface SiteRun {
  started_at: string;
  duration_ms: number;
  /** "ok" or an error code such as layout_changed. */
  outcome: string;
  message: string | null;
  streams: number;
  refused: Refusal[];
}

/** A failed run as a file: its exchanges, log and settings, secrets replaced. */
export interface Bundle {
  name: string;
  at: string;
  bytes: number;
}

export interface Attachment {
  name: string;
  media_type: string;
  bytes: number;
}

export interface PluginSite {
  key: string;
  enabled: boolean;
  /** Why its file was refused; what worked before, works on. */
  error: string | null;
  last_run: SiteRun | null;
  next_run_at: string | null;
  /** The hosts that it may reach: what the plugin asks for and the operator grants. */
  granted: string[];
  failing_since: string | null;
  last_ok_at: string | null;
  bundle: Bundle | null;
  /** Of the last run. */
  attachments: Attachment[];
}

export interface PluginError {
  code: string;
  /** May run over many lines: the guest's backtrace is part of it. */
  message: string;
  at: string;
  /** The version it concerns, where that is not the serving one. */
  digest: string | null;
}

export interface Version {
  version: string;
  digest: string;
}

/** A version that waits for approval, with what it newly asks for. */
export interface Held extends Version {
  since: string;
  hosts: string[];
  secrets: string[];
}

export interface Plugin {
  key: string;
  state: PluginState;
  name: string | null;
  version: string | null;
  /** SHA-256 of the serving file, hexadecimal. */
  digest: string | null;
  size: number | null;
  /** Counts up with each swap. */
  generation: number | null;
  since: string | null;
  /** What it asks for; "*" is whatever its sites grant. */
  hosts: string[];
  secrets: string[];
  calls: number;
  /** Calls that ended by its own fault. */
  faults: number;
  error: PluginError | null;
  breaker: { open_until: string; faults: number } | null;
  /** Where a rollback goes. */
  previous: Version | null;
  held: Held | null;
  quarantined: { digest: string; reason: string; since: string } | null;
  sites: PluginSite[];
}

export interface AdminPlugins {
  poll_seconds: number;
  directory: { path: string; error: string | null; checked_at: string | null };
  /** "declared": dropping the file is the grant. "explicit": widening waits for approval. */
  grants: 'declared' | 'explicit';
  plugins: Plugin[];
}

export interface PluginEvent {
  at: string;
  /** Such as live, rolled_back or held. */
  kind: string;
  message: string;
  digest: string | null;
  version: string | null;
}

/** What the host said of an uploaded file that it took. */
export interface Accepted {
  digest: string;
  version: string;
  size: number;
}
