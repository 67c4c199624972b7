"""What a person works on, where a site uses codes: the screen may only send what the site offers.

Pure. A code comes from outside (the screen, a badge reader's keypad), so it is compared with the site's list
and never interpreted.
"""

from edge.config.attendance import AttendanceConfig


def is_offered(work_code: str | None, config: AttendanceConfig) -> bool:
    """Whether a code may accompany a record. A record without one is always allowed."""
    return work_code is None or work_code in config.work_codes
