"""Tells a Sentry server of crashes, where a DSN is configured: classes and places in our code, nobody's data.

The SDK makes an event, and `permitted` builds it anew from the few fields that are allowed: what is not named
here cannot leave, whatever a later SDK adds. Only courier and office use this; edge has no network and hands
its reports to the courier. Trust boundary: messages, arguments, locals and the machine's name stay here.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from clockface import __version__
from clockface.config import SentryConfig
from clockface.errors import ClockfaceError
from clockface.logs import on_exception
from clockface.scrubbing import CLASS, FUNCTION, MODULE, OURS, Trace, scrub

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

AGAIN_S: Final = 3600.0  # the same crash is reported once in this time
MAX_KINDS: Final = 256
FLUSH_S: Final = 3.0  # at the end of the process
RELEASE: Final = f"clockface@{__version__}"
_LEVELS: Final = frozenset({"fatal", "error", "warning"})
_FRAME: Final = re.compile(r"([A-Za-z0-9_.<>-]{1,120}):([0-9]{1,6}) ([A-Za-z0-9_.<>-]{1,80})")
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MOMENT: Final = re.compile(r"[0-9TZ:.+-]{19,40}")
_PROCESSES: Final = frozenset({"edge", "sync", "screen", "capture", "command", "office", "signer", "authority"})


class Sentry:
    """A process's reports.

    Args:
        config: With a DSN.
        process: Which process this is.
        now_s: A clock that never goes back.
    """

    def __init__(
        self, config: SentryConfig, *, process: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        import sentry_sdk

        from clockface.sentry_transport import QueueTransport

        dsn = config.dsn.get_secret_value()
        self._process = process
        self._now_s = now_s
        self._lock = threading.Lock()
        self._told: dict[Trace, float] = {}
        self._busy = threading.local()
        self._transport = QueueTransport({"dsn": dsn}, queue=config.queue_events, ca_file=config.ca_file)
        self._client = sentry_sdk.Client(
            dsn=dsn,
            transport=self._transport,
            before_send=self._permitted,
            environment=config.environment,
            release=RELEASE,
            server_name="withheld",
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            send_client_reports=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            enable_backpressure_handling=False,
            enable_metrics=False,
            spotlight=False,  # else an environment variable would send everything, as it is, to another place
            debug=False,
        )
        self._environment = config.environment

    @property
    def waiting(self) -> int:
        """Reports that the server has not taken yet."""
        return self._transport.waiting

    def report(self, error: BaseException) -> None:
        """Report an exception; the same one once an hour. Never raises, never blocks."""
        if not isinstance(error, Exception) or getattr(self._busy, "here", False) or not self._is_news(error):
            return
        from sentry_sdk.utils import event_from_exception

        self._busy.here = True  # what the SDK itself logs must not come back here
        try:
            event, hint = event_from_exception(error, client_options=self._client.options)
            self._client.capture_event(event, hint=hint)  # without a scope: it has no user and no breadcrumbs
        except Exception:  # noqa: BLE001 - telling of a crash must not be another one
            return
        finally:
            self._busy.here = False

    def forward(
        self, *, process: str, report: str, software: str, error: Sequence[str], frames: Sequence[str]
    ) -> None:
        """Report for a process without a network what it has scrubbed itself; `report` is its random id."""
        values: list[dict[str, Any]] = [{"type": name} for name in error]
        if not values or process not in _PROCESSES:
            return
        values[-1]["stacktrace"] = {"frames": [_frame(text) for text in frames if _FRAME.fullmatch(text)]}
        event: Any = {
            "event_id": report,  # the server drops what it has already
            "level": "error",
            "release": f"clockface@{software}",
            "tags": {"process": process},
            "exception": {"values": values},
        }
        self._client.capture_event(event)

    def close(self) -> None:
        """Send what waits, for a few seconds at most, and end."""
        self._client.flush(timeout=FLUSH_S)
        self._transport.kill()

    def _is_news(self, error: Exception) -> bool:
        trace, now = scrub(error), self._now_s()
        with self._lock:
            told = self._told.get(trace)
            if (told is None and len(self._told) >= MAX_KINDS) or (told is not None and now - told < AGAIN_S):
                return False
            self._told[trace] = now
        return True

    def _permitted(self, event: "Event", _hint: "Hint") -> "Event":
        made: Any = permitted(event, process=self._process, environment=self._environment)
        return made  # type: ignore[no-any-return]


@contextmanager
def reporting(config: SentryConfig, *, process: str) -> Iterator[Sentry | None]:
    """Report what this process logs of exceptions, and what ends it; nothing without a DSN."""
    if not config.dsn.get_secret_value():
        yield None
        return
    sentry = Sentry(config, process=process)
    undo = on_exception(sentry.report)
    try:
        yield sentry
    except Exception as error:
        sentry.report(error)
        _told.add(id(error))
        raise
    finally:
        undo()
        sentry.close()


_told: set[int] = set()  # what ended a process, and was reported with it: `ended` passes over it


def ended(config: SentryConfig, error: Exception, *, process: str) -> None:
    """Report what ended a command, where a DSN is set and nobody has reported it yet. Never raises."""
    if id(error) in _told or isinstance(error, ClockfaceError) or not config.dsn.get_secret_value():
        return
    with contextlib.suppress(Exception):
        sentry = Sentry(config, process=process)
        sentry.report(error)
        sentry.close()


def permitted(event: Mapping[str, Any], *, process: str, environment: str) -> dict[str, Any]:
    """A new event of the permitted fields alone; raises where one is not what it must be, and nothing is sent.

    Permitted: event_id, timestamp, platform, level, release, environment, the tag "process", and of each
    exception its class and the module, function and line of the frames that lie in our own code.
    """
    values = event["exception"]["values"]
    tags = event.get("tags")
    of = tags.get("process") if isinstance(tags, dict) else None
    moment, release, ident = str(event.get("timestamp")), str(event.get("release")), str(event["event_id"])
    return {
        "event_id": _ID.fullmatch(ident) and ident,
        "timestamp": moment if _MOMENT.fullmatch(moment) else datetime.now(UTC).isoformat(),
        "platform": "python",
        "level": event.get("level") if event.get("level") in _LEVELS else "error",
        "release": release if re.fullmatch(r"clockface@[0-9A-Za-z.+-]{1,40}", release) else RELEASE,
        "environment": environment,
        "tags": {"process": of if of in _PROCESSES else process},
        "exception": {"values": [_exception(value) for value in values[:16]]},
    }


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    name = str(value.get("type"))
    made: dict[str, Any] = {"type": name if CLASS.fullmatch(name) else "Exception"}
    frames = ((value.get("stacktrace") or {}).get("frames") or [])[-64:]
    kept = [place for frame in frames if (place := _place(frame)) is not None]
    if kept:
        made["stacktrace"] = {"frames": kept}
    return made


def _place(frame: Mapping[str, Any]) -> dict[str, Any] | None:
    """A frame in our own code."""
    module, function, line = str(frame.get("module")), str(frame.get("function")), frame.get("lineno")
    if module.partition(".")[0] not in OURS or type(line) is not int:
        return None
    if not MODULE.fullmatch(module) or not FUNCTION.fullmatch(function):
        return None
    return {"module": module, "function": function, "lineno": line, "in_app": True}


def _frame(text: str) -> dict[str, Any]:
    found = _FRAME.fullmatch(text)
    assert found is not None  # noqa: S101 - asked by the caller
    return {"module": found[1], "lineno": int(found[2]), "function": found[3]}
