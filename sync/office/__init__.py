"""The central office: receives every event exactly once, keeps the roster, commands the devices, reports."""
