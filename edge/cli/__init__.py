"""The clockface command, one file a command group."""
