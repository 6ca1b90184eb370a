"""The plugin's own `plugin.toml`. The build puts its values into its copy of
this file; here it only keeps editors from missing it."""

KEY = "unbuilt"
VERSION = "0.0.0"
