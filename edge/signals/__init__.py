"""Light, buzzer and door: what the kiosk does beside the screen, at the pins of the board."""
