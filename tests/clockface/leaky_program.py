"""Pushes canaries through every way into the log; `test_logs` runs it and searches what comes out.

Run as `python -m tests.clockface.leaky_program FORM`. Nothing here may be printed but by the logging itself.
"""

import asyncio
import base64
import gc
import logging
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from cryptography.fernet import Fernet

from clockface.config import LoggingConfig
from clockface.logs import set_up, watch
from edge.errors import ModelMissing, PhotoRefused, StoreError
from edge.types.identity import PersonId
from edge.types.people import Profile, Template

NAME = "Wilhelmina Zzyzx"
NUMBER = "E-1048290"
PERSON = PersonId("c0ffee00c0ffee00c0ffee00c0ffee00")
KEY = base64.urlsafe_b64encode(b"canary-fernet-key-of-32-bytes-00").decode()
TOKEN = Fernet(KEY.encode()).encrypt_at_time(NAME.encode(), 1_700_000_000).decode()
IMAGE = bytes(range(7, 7 + 48))
VECTOR = np.linspace(0.1234567, 0.7654321, 64, dtype=np.float32)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Visitor:
    """A value of which somebody forgot that it is personal."""

    name: str
    number: str


class Careless:
    """An object whose text is data."""

    def __repr__(self) -> str:
        return NAME

    def __del__(self) -> None:
        raise RuntimeError(f"cannot forget {NAME} {KEY}")


def canaries() -> list[Any]:
    """Every kind of thing that must not be written."""
    template = Template(template_id="t", person_id=PERSON, model_hash="m" * 64, vector=VECTOR)  # type: ignore[arg-type]
    visitor = Visitor(NAME, NUMBER)
    plain = [
        NAME,
        NUMBER,
        PERSON,
        KEY,
        TOKEN,
        IMAGE,
        bytearray(IMAGE),
        memoryview(IMAGE),
        VECTOR,
        VECTOR.tolist(),
    ]
    return [
        *plain,
        template,
        Profile(NAME, NUMBER),
        visitor,
        {"name": NAME},
        (NAME,),
        VECTOR[0],
        ValueError(NAME),
    ]


def structured() -> None:
    """All fields, registered and not, with all values; arguments; bound values; events that are data."""
    from clockface.log_fields import FIELDS

    for value in canaries():
        log.warning("canary_passed", **dict.fromkeys(FIELDS, value))
        log.warning("canary_passed", person=value, **{NAME: value, NUMBER: 1})
        log.bind(who=value, reason=value).error("canary_passed")
        log.error("canary %s", value)
        log.warning(value)
        log.warning(f"seen {value}")
        structlog.get_logger(NAME, who=value).critical("canary_passed")


def through_the_standard_library() -> None:
    """Messages with arguments, formatted messages, extras, and loggers named after people."""
    for value in canaries():
        for logger in (
            logging.getLogger("aiohttp.access"),
            logging.getLogger("asyncio"),
            logging.getLogger(NAME),
        ):
            logger.error("request by %s", value)
            logger.error("request by %s and %d", value)  # noqa: PLE1206 - it must not format
            logger.error(f"request by {value}", extra={"who": value})
            logger.error(value)
    warnings.warn(f"deprecated {NAME} {KEY}", UserWarning, stacklevel=1)


def raising() -> None:
    """Chained errors, groups, our own errors that carry too much, and locals on the way."""
    name, key, token, vector = NAME, KEY, TOKEN, VECTOR
    try:
        try:
            raise KeyError(name, vector)
        except KeyError as error:
            raise StoreError(f"row of {PERSON} not opened by {key}", where=token) from error
    except StoreError as error:
        log.exception("store_failed", error=error)
        logging.getLogger("x").exception("store failed for %s", name)
    log.error("enrolment_failed", error=PhotoRefused("no face", where=f"/photos/{NAME}.jpg"))
    log.error(
        "models_missing", error=ModelMissing("a\nb\x1b[31m is missing", next_step="clockface models verify")
    )
    try:
        raise ExceptionGroup(name, [ValueError(name), TypeError(key)])
    except ExceptionGroup:
        log.exception("group_failed")
        log.error("stack_asked", stack_info=True, exc_info=True)


async def in_tasks() -> None:
    """A callback and a forgotten task that raise."""

    async def forgotten() -> None:
        raise ValueError(NAME, KEY)

    def called_back() -> None:
        raise ValueError(NAME, KEY)

    task = asyncio.ensure_future(forgotten())
    asyncio.get_running_loop().call_soon(called_back)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()


def main() -> None:
    """Everything, ending in an uncaught exception."""
    set_up(LoggingConfig(level="debug", form=sys.argv[1]), journal=sys.argv[1] == "json")  # type: ignore[arg-type]
    structured()
    through_the_standard_library()
    raising()
    thread = threading.Thread(target=lambda: [].index(NAME), name=NAME)  # type: ignore[arg-type]
    thread.start()
    thread.join()
    Careless()
    gc.collect()
    asyncio.run(in_tasks())
    with asyncio.Runner() as runner:
        watch(runner.get_loop())
        runner.run(in_tasks())
    log.info("canaries_done", frames=3, reason="time_limit")
    raise ValueError(NAME, NUMBER, KEY, TOKEN, IMAGE, VECTOR)


if __name__ == "__main__":
    main()
