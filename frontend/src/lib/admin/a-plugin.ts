// A plugin in good health, for tests to change.

import type { Plugin, PluginSite } from '../api/plugins';

export function aSite(more: Partial<PluginSite> = {}): PluginSite {
  return {
    key: 'site-a',
    enabled: true,
    error: null,
    last_run: null,
    next_run_at: null,
    granted: [],
    failing_since: null,
    last_ok_at: null,
    bundle: null,
    attachments: [],
    ...more,
  };
}

export function aPlugin(more: Partial<Plugin> = {}): Plugin {
  return {
    key: 'site-a',
    state: 'live',
    name: 'Site A',
    version: '1.3.0',
    digest: 'aa'.repeat(32),
    size: 1024,
    generation: 2,
    since: '2026-11-22T04:00:00Z',
    hosts: [],
    secrets: [],
    calls: 0,
    faults: 0,
    error: null,
    breaker: null,
    previous: null,
    held: null,
    quarantined: null,
    sites: [],
    ...more,
  };
}
