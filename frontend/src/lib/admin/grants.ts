// What a plugin asks for against what its sites grant. Pure.

import type { PluginSite } from '../api/plugins';

/** "*": whatever its sites grant. */
export const ANY = '*';

/** The hosts that are asked for by name and that this site does not grant. */
export function ungranted(asked: readonly string[], site: PluginSite): string[] {
  return asked.filter((host) => host !== ANY && !site.granted.includes(host));
}
