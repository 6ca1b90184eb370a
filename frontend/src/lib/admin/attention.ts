// Which plugins need a look, and why: the first thing an operator wants to
// know. Pure.

import type { Plugin, PluginSite } from '../api/plugins';
import { outcome } from './words';

export interface Need {
  key: string;
  why: string;
}

/** In the order of `plugins`; one line per plugin, its worst trouble. */
export function needs(plugins: readonly Plugin[], now: number): Need[] {
  return plugins.flatMap((plugin) => {
    const why = trouble(plugin, now);
    return why === null ? [] : [{ key: plugin.key, why }];
  });
}

export function breakerOpen(plugin: Plugin, now: number): boolean {
  return plugin.breaker != null && Date.parse(plugin.breaker.open_until) > now;
}

function trouble(plugin: Plugin, now: number): string | null {
  if (plugin.state === 'disabled') return null;
  if (plugin.state === 'missing') return 'its file is missing';
  if (plugin.state === 'refused') return 'no version of it works';
  if (breakerOpen(plugin, now)) return 'paused after faults';
  const failing = plugin.sites.filter(isFailing);
  if (failing.length > 1) return `${failing.length} sites are failing`;
  if (failing[0] !== undefined) return reason(plugin, failing[0]);
  if (plugin.held) return 'a version waits for approval';
  if (plugin.quarantined) return 'a version was quarantined';
  return null;
}

export function isFailing(site: PluginSite): boolean {
  return site.enabled && (site.failing_since != null || Boolean(site.error));
}

function reason(plugin: Plugin, site: PluginSite): string {
  const where = site.key === plugin.key ? 'its site' : `site ${site.key}`;
  if (site.error) return `the file of ${where} was refused`;
  const code = site.last_run?.outcome ?? 'ok';
  return code === 'ok' ? `${where} is failing` : `${where} is failing: ${lower(outcome(code))}`;
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
