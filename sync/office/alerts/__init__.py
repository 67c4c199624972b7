"""Tells people of alarms, once when raised and once when cleared: by e-mail and webhook, over verified TLS."""
