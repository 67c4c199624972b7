"""A request as a QR code in the terminal, for whoever carries it with a telephone instead of a stick.

A whole request in its compact form needs 109 columns and 55 lines; where the terminal is smaller, the code
holds the device and its fingerprint alone, which saves the reading aloud. Trust boundary: nothing
in it is secret.
"""

import contextlib
import io
from dataclasses import dataclass

import segno

from sync.wire.compact import shrink
from sync.wire.envelope import EnvelopeError


@dataclass(frozen=True, slots=True)
class Code:
    """What is shown.

    Args:
        text: The code, lines of half blocks.
        whole: Whether it is the request itself.
        content: What a reader reads.
    """

    text: str
    whole: bool
    content: str


def code(request: bytes, *, site: str, device: str, fingerprint: str, columns: int, lines: int) -> Code | None:
    """The largest code that fits; None where not even the small one does.

    Args:
        request: The signed request.
        site: This device's.
        device: Its name.
        fingerprint: Of the device's signing key.
        columns: Of the terminal.
        lines: Of the terminal.
    """
    small = f"clockface:{site}/{device}:{fingerprint}"
    contents = [(small, False)]
    with contextlib.suppress(EnvelopeError):  # then the file alone carries it
        contents.insert(0, (shrink(request).decode("ascii"), True))
    for content, whole in contents:
        drawn = segno.make(content, error="l", micro=False)
        width, height = drawn.symbol_size(border=2)
        if width <= columns and (height + 1) // 2 < lines:
            out = io.StringIO()
            drawn.terminal(out=out, border=2, compact=True)
            return Code(out.getvalue(), whole, content)
    return None
