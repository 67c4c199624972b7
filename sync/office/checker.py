"""A process that holds signatures against keys, so that the receiver's interpreter lock is free meanwhile.

It is asked over a socket pair, answers with one byte a line, and ends when the other end does. It knows no
database and no secret key. Trust boundary: lines come from anybody; it vouches only for envelopes in the one
plain form, everything else is left to `verification`, which names the reason.
"""

import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from sync.office.signature import KEY_BYTES, SodiumKey
from sync.wire import envelope

QUESTION: Final = struct.Struct(">BI")  # how many keys follow, how many bytes of lines after them
KEY: Final = struct.Struct(f">B{KEY_BYTES}s")  # how long its id is, the key; the id follows
ANSWER: Final = struct.Struct(">I")  # how many lines
MAX_KEYS: Final = 200
NOT_VOUCHED_FOR: Final = 0


def question(payload: bytes, keys: Sequence[tuple[str, bytes]]) -> bytes:
    """Ask about a message: its lines and the keys (id and 32 bytes) of the device in whose topic it came."""
    parts = [QUESTION.pack(len(keys), len(payload))]
    for key_id, raw in keys:
        name = key_id.encode("ascii")
        parts += [KEY.pack(len(name), raw), name]
    return b"".join([*parts, payload])


def answer(payload: bytes, keys: Sequence[tuple[str, bytes]]) -> bytes:
    """One byte a line: 0, or the number of the key (the first is 1) that signed this event."""
    believed = {key_id: SodiumKey(raw) for key_id, raw in keys}
    numbers = {key_id: number for number, (key_id, _) in enumerate(keys, start=1)}
    lines = payload.split(b"\n")
    return bytes(_vouch(line, believed, numbers) for line in lines)


def _vouch(line: bytes, believed: Mapping[str, SodiumKey], numbers: Mapping[str, int]) -> int:
    if len(line) > envelope.MAX_ENVELOPE_BYTES:
        return NOT_VOUCHED_FOR
    signed = envelope.decode_plain(line)
    if signed is None or len(signed.payload) > envelope.MAX_PAYLOAD_BYTES:
        return NOT_VOUCHED_FOR
    try:
        envelope.verify(signed, keys=believed)
    except envelope.EnvelopeError:
        return NOT_VOUCHED_FOR
    return numbers[signed.signatures[0].keyid]


def receive(line: socket.socket, size: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        EOFError: The other end is gone.
        OSError: The socket failed, or its time was over.
    """
    held = bytearray()
    while len(held) < size:
        part = line.recv(min(size - len(held), 1 << 20))
        if not part:
            raise EOFError
        held += part
    return bytes(held)


def serve(line: socket.socket) -> None:
    """Answer until the other end is gone."""
    while True:
        try:
            count, size = QUESTION.unpack(receive(line, QUESTION.size))
            keys = []
            for _ in range(count):
                length, raw = KEY.unpack(receive(line, KEY.size))
                keys.append((receive(line, length).decode("ascii"), raw))
            found = answer(receive(line, size), keys)
            line.sendall(ANSWER.pack(len(found)) + found)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def main() -> None:
    """Serve the socket that is our standard input."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a service manager tells all: the receiver still finishes
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as line:
        serve(line)


if __name__ == "__main__":
    main()
