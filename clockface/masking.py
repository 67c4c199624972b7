"""Settings as they may be shown or sent: without credentials, or text that looks like a key.

Nothing secret is a setting, but people put passwords into addresses and pipelines. Trust boundary: what comes
out of `masked` may be printed, and leaves the device in a support bundle.
"""

import re
from typing import Any

MASK = "********"
_SECRET_PATTERNS = (
    (re.compile(r"(\w+://)[^\s\"']*@"), rf"\g<1>{MASK}@"),
    (
        re.compile(
            r"(?i)([\w-]*(?:pass(?:word|wd|phrase)?|pw|pwd|token|secret|key|auth|user-id))(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s&!]+)"
        ),
        rf"\g<1>\g<2>{MASK}",
    ),
    (re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}"), MASK),  # a key in base64, or a long hex string
)


def masked(value: Any) -> Any:
    """A setting's value as it may be printed."""
    if isinstance(value, str):
        for pattern, replacement in _SECRET_PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    return value
