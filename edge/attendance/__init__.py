"""Pure attendance rules: direction, repeat suppression, days and shifts."""
