"""Light, buzzer, door and sound: what the kiosk does beside the screen."""
