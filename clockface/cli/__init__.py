"""What the three commands share: groups found when asked for, errors as messages, `config`, private files."""
