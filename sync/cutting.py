"""Cuts a page of envelopes into messages: one envelope a line, within a number and a size. Pure.

A lone event is a batch of one and never waits for company; order is kept.
"""

from collections.abc import Iterator

from edge.api.protocol.courier import EnvelopeView


def batches(
    envelopes: tuple[EnvelopeView, ...], *, most: int, most_bytes: int
) -> Iterator[tuple[tuple[EnvelopeView, ...], bytes]]:
    """Cut into consecutive batches, each with its payload; together they are the page.

    An envelope that is larger than `most_bytes` by itself goes alone.

    Args:
        envelopes: In the order of the ledger.
        most: Envelopes in a batch.
        most_bytes: Of a payload.
    """
    taken: list[EnvelopeView] = []
    size = 0
    for each in envelopes:
        length = len(each.envelope) + 1  # ASCII: base64 in JSON
        if taken and (len(taken) == most or size + length > most_bytes):
            yield tuple(taken), _lines(taken)
            taken, size = [], 0
        taken.append(each)
        size += length
    if taken:
        yield tuple(taken), _lines(taken)


def _lines(taken: list[EnvelopeView]) -> bytes:
    return "\n".join(each.envelope for each in taken).encode()
