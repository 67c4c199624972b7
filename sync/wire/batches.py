"""Several envelopes in one message: JSON lines, bounded, so that one packet carries a morning rush.

A batch has no meaning of its own: each line stands or falls alone. Trust boundary: `split_batch` takes a
message from anybody and returns lines that nobody has looked at yet.
"""

from typing import Final

from sync.wire.canonical import WireError

MAX_BATCH_BYTES: Final = 256 * 1024  # of a message; the broker's configuration holds devices to it
MAX_BATCH_LINES: Final = 1024


def split_batch(payload: bytes) -> list[bytes]:
    """Take a message apart; one line break may follow the last line. An empty line is for its reader to refuse.

    Raises:
        WireError: Larger than 256 KiB, or more than 1,024 lines.
    """
    if len(payload) > MAX_BATCH_BYTES:
        raise WireError(f"the batch is larger than {MAX_BATCH_BYTES} bytes")
    lines = payload.removesuffix(b"\n").split(b"\n", MAX_BATCH_LINES)
    if len(lines) > MAX_BATCH_LINES:
        raise WireError(f"the batch has more than {MAX_BATCH_LINES} lines")
    return lines
