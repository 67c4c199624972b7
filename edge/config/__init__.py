"""Every setting of the daemon, one module a subject; `tree` puts them together.

Read once, at start, by `edge.configuration.READER` (a TOML file, then the environment). Every field has a unit,
bounds and a description, and something that it changes; unknown keys are errors. docs/configuration.md is
generated from these files. Nothing secret is a field: keys come from credentials (`edge.store.keys`).
"""
