"""Settings for the whole suite: property tests judge results, never the speed of a busy machine."""

from hypothesis import settings

settings.register_profile("clockface", deadline=None, print_blob=True)
settings.load_profile("clockface")
