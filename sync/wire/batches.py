"""Several envelopes in one message: JSON lines, bounded, so that one packet carries a morning rush.

A batch has no meaning of its own: each line stands or falls alone. Trust boundary: `split_batch` takes a
message from anybody and returns lines that nobody has looked at yet.
"""

from collections.abc import Sequence
from typing import Final

from sync.wire.canonical import WireError

MAX_BATCH_BYTES: Final = 256 * 1024  # of a message; the broker's configuration holds devices to it
MAX_BATCH_LINES: Final = 1024


def join_batch(envelopes: Sequence[bytes]) -> bytes:
    """Write 1 to 1,024 encoded envelopes as one message.

    Raises:
        WireError: None, too many, too large together, or a line break or nothing in one of them.
    """
    batch = b"\n".join(envelopes)
    if split_batch(batch) != list(envelopes):
        raise WireError("an envelope of the batch is empty or holds a line break")
    return batch


def split_batch(payload: bytes) -> list[bytes]:
    """Take a message apart; one line break may follow the last line.

    Raises:
        WireError: Larger than 256 KiB, more than 1,024 lines, or an empty line.
    """
    if len(payload) > MAX_BATCH_BYTES:
        raise WireError(f"the batch is larger than {MAX_BATCH_BYTES} bytes")
    lines = payload.removesuffix(b"\n").split(b"\n", MAX_BATCH_LINES)
    if len(lines) > MAX_BATCH_LINES:
        raise WireError(f"the batch has more than {MAX_BATCH_LINES} lines")
    if not all(lines):
        raise WireError("a line of the batch is empty")
    return lines
