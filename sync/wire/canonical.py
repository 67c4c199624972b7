"""Documents as bytes: one canonical form (RFC 8785), read from hostile bytes with every bound checked first.

Why: a hash or a signature over JSON holds only if there is one way to write it. Trust boundary: `parse` and
`read` take bytes from anybody; what they return is well-formed and canonical, not yet authentic.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Final, Never, TypeVar

import orjson
import rfc8785
from pydantic import ValidationError

from sync.wire.fields import MAX_SAFE_INTEGER, Wire

MAX_DEPTH = 16  # of lists and objects; our deepest has 5. Without it the interpreter's own limit would decide
NOT_CANONICAL = "the document is not in its one canonical form"
_BEYOND_BMP = re.compile(rb"[\xf0-\xf4]")
_AS_WRITTEN: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_UNPRINTABLE = re.compile(r"[^0-9A-Za-z_]")  # a hostile field name must not reach a log as it came

W = TypeVar("W", bound=Wire)


class WireError(ValueError):
    """Bytes that are not a well-formed document. The message names fields, never their content."""


def encode(document: Wire) -> bytes:
    """The document's canonical bytes: what is hashed, signed, stored and sent. Absent is not null."""
    return rfc8785.dumps(document.model_dump(mode="json", exclude_none=True))


def digest(payload: bytes) -> str:
    """SHA-256 in hex of canonical bytes: an event's hash and the next one's prevhash."""
    return hashlib.sha256(payload).hexdigest()


def parse(payload: bytes, *, max_bytes: int) -> Any:
    """Read canonical JSON of objects, lists, texts, integers of at most 2^53, booleans and null.

    For these Python's own writer with sorted names gives RFC 8785's bytes, some ten times as fast; only names
    beyond the Basic Multilingual Plane sort otherwise, so a document that has such letters takes the slow way.
    A test holds the two together.

    Raises:
        WireError: Too large, too deep, not UTF-8 JSON, a float, or not in its one canonical form.
    """
    if len(payload) > max_bytes:
        raise WireError(f"the document is larger than {max_bytes} bytes")
    try:
        document = json.loads(
            payload.decode("utf-8"), parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
        )
        _refuse_depth(document, payload)
        # a repeated field or a lone surrogate does not come back
        again = rfc8785.dumps(document) if _BEYOND_BMP.search(payload) else _write(document).encode("utf-8")
    except WireError:
        raise
    except (ValueError, RecursionError):
        raise WireError("the document is not JSON") from None
    if again != payload:
        raise WireError(NOT_CANONICAL)
    return document


def _refuse_depth(document: Any, payload: bytes) -> None:
    if payload.count(b"[") + payload.count(b"{") <= MAX_DEPTH:
        return
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise WireError(f"the document is nested deeper than {MAX_DEPTH}")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_SAFE_INTEGER:
        raise WireError("an integer is larger than every reader keeps exact")
    return int(text)


def _no_float(_text: str) -> Never:
    raise WireError("a number is not an integer")


_write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def read_at_once(validate: Callable[[bytes], W], payload: bytes, *, max_bytes: int) -> W | None:
    """Read a document that is, byte for byte, what we would write of it: its form then needs no look.

    A field that is unknown, missing, repeated or null, a default left out, a float, white space, another order
    or another escape: each would come back otherwise. ASCII alone, in which orjson writes RFC 8785's bytes of
    our documents; a test holds this and the long way together.

    Args:
        validate: A strict pydantic reader of JSON, which raises ValueError.
        payload: From anybody.
        max_bytes: Of the payload.

    Returns:
        None if it is to be read the long way, which decides and says why.
    """
    if len(payload) > max_bytes or not payload.isascii():
        return None
    try:
        found = validate(payload)
        again = orjson.dumps(found.model_dump(mode="json", exclude_none=True), option=_AS_WRITTEN)
    except (ValueError, TypeError, RecursionError):
        return None
    return found if again == payload else None


def read(model: type[W], payload: bytes, *, max_bytes: int) -> W:
    """Read one kind of document completely.

    Raises:
        WireError: Not canonical, or a field is unknown, missing or out of bounds.
    """
    at_once = read_at_once(model.model_validate_json, payload, max_bytes=max_bytes)
    return read_closely(model, payload, max_bytes=max_bytes) if at_once is None else at_once


def read_closely(model: type[W], payload: bytes, *, max_bytes: int) -> W:
    """The long way of `read`, with the same result."""
    document = parse(payload, max_bytes=max_bytes)
    try:
        found = model.model_validate(document)
    except ValidationError as error:
        refuse(error)
    refuse_variants(found, document)
    return found


def refuse_variants(found: Wire, document: Any) -> None:
    """Refuse a null that was written out, or a default that was left out: there is one way to write a document.

    Raises:
        WireError: The document is another than the one that we would write.
    """
    if found.model_dump(mode="json", exclude_none=True) != document:
        raise WireError(NOT_CANONICAL)


def refuse(error: ValidationError) -> Never:
    """Say which fields do not hold, in letters that a log can take, without a value of any."""
    fields = {
        ".".join(_UNPRINTABLE.sub("?", str(part))[:40] for part in each["loc"]) or "document"
        for each in error.errors()
    }
    raise WireError(f"the document's fields do not hold: {', '.join(sorted(fields)[:8])}") from None
