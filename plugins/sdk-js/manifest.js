// The plugin's own `plugin.toml`. The build puts its values into its copy of
// this file; here it only keeps editors from missing it.
export const key = 'unbuilt';
export const version = '0.0.0';
