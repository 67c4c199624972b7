"""Base45 (RFC 9285): bytes in the characters of which a QR code holds most. `decode` takes any text."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_BASE = len(_ALPHABET)


class Base45Error(ValueError):
    """Not base45."""


def encode(data: bytes) -> str:
    """Two bytes as three characters, a last one as two."""
    characters: list[str] = []
    for start in range(0, len(data), 2):
        chunk = data[start : start + 2]
        number = int.from_bytes(chunk, "big")
        for _ in range(len(chunk) + 1):
            number, value = divmod(number, _BASE)
            characters.append(_ALPHABET[value])
    return "".join(characters)


def decode(text: str) -> bytes:
    """Read base45 in its one form.

    Raises:
        Base45Error: Another character, length, or a number that no two bytes have.
    """
    try:
        values = [_VALUES[character] for character in text]
    except KeyError:
        raise Base45Error("a character that base45 does not have") from None
    data = bytearray()
    for start in range(0, len(values), 3):
        chunk = values[start : start + 3]
        number = sum(value * _BASE**place for place, value in enumerate(chunk))
        if len(chunk) == 1 or number >= 256 ** (len(chunk) - 1):
            raise Base45Error("not a whole number of bytes")
        data += number.to_bytes(len(chunk) - 1, "big")
    return bytes(data)
