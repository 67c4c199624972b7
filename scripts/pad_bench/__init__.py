"""Makes simulated presentation attacks, and bona fide clips through the same camera, for development."""
