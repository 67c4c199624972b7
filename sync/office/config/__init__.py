"""Every setting of the office, one module a subject; `tree` puts them together and reads them.

/etc/clockface/office.toml, then the environment. Every field has a unit, bounds and a description, and
something that it changes; unknown keys are errors. docs/configuration.md is generated from these files.
"""
