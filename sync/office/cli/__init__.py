"""The `clockface-office` command, one file a group."""
