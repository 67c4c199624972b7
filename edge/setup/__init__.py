"""Making a kiosk of a machine: answers, configuration files, steps, the test event, the physical act."""
