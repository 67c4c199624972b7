"""The broker between kiosks and office: Mosquitto's configuration and access list, rendered with real paths."""
