"""Logging: JSON for the journal, readable lines on a terminal, and nothing personal in either.

`set_up` is called once, by the composition. Code logs with `structlog.get_logger(__name__)`: an event that is a
literal, and fields from `clockface.log_fields`. All ways into the log end in `_allowed`, which builds each line
anew from what is on the allow-list: structlog, the stdlib's logging of any library, warnings, uncaught
exceptions of the main thread, other threads, asyncio and finalisers. Of anything else only its type is written.
"""

import asyncio
import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

from clockface.config import LoggingConfig
from clockface.log_fields import FIELDS, deliberate

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # as syslog counts
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,60}")
_STEPS = {
    "_is_literal",
    "_literal_event",
    "__call__",
    "emit",
}  # of this module, between the caller and the test
_MAX_FRAMES = 12
_MAX_CHAIN = 6

Undo = Callable[[], None]


class _Journal:
    """What structlog calls a logger: carries the name and writes finished lines, one at a time."""

    _lock = threading.RLock()  # a signal handler may log while its own thread writes

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def msg(self, message: str) -> None:
        """Write one line. A stream that is gone must not stop the work."""
        with self._lock:
            try:
                self._stream.write(message + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    log = debug = info = warning = error = critical = exception = msg


class _Line:
    """The last step: allow-list, then text."""

    def __init__(self, *, console: bool, colours: bool, journal: bool) -> None:
        self._json = structlog.processors.JSONRenderer()
        self._console = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=24) if console else None
        self._journal = journal

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        """A structlog processor: the whole line as text."""
        level = "error" if method == "exception" else method
        try:
            literal = _literal_event(event)
            allowed = _allowed(event, name=_module_name(logger.name), level=level, literal=literal)
        except Exception as error:  # noqa: BLE001 - a log line must never stop the work, and never leak
            allowed = {"event": "log_line_failed", "level": level, "error": type(error).__name__}
        return self.render(allowed)

    def render(self, allowed: EventDict) -> str:
        """One line of text, from an event that has passed `_allowed`."""
        prefix = f"<{_PRIORITIES.get(allowed['level'], 6)}>" if self._journal else ""
        if self._console is None:
            return prefix + str(self._json(None, "", allowed))
        if "exception" in allowed:
            allowed["exception"] = "\n".join(_one_line(link) for link in allowed["exception"])
        return prefix + self._console(None, "", allowed)


class _Handler(logging.Handler):
    """Takes the stdlib's records; a message is written only where it is a literal of the code that logged."""

    def __init__(self, line: _Line, stream: TextIO) -> None:
        super().__init__()
        self._line = line
        self._sink = _Journal("", stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        level = record.levelname.lower() if record.levelname.lower() in _LEVELS else "info"
        try:
            template = record.msg if isinstance(record.msg, str) and _is_literal(record.msg) else None
            event = {"event": "library_message", "exc_info": record.exc_info}
            allowed = _allowed(event, name=_module_name(record.name), level=level, literal=True)
            allowed["message"] = "<withheld>" if template is None else template[:200]
        except Exception as error:  # noqa: BLE001 - as in _Line
            allowed = {"event": "log_line_failed", "level": level, "error": type(error).__name__}
        self._sink.msg(self._line.render(allowed))


def set_up(config: LoggingConfig, *, stream: TextIO | None = None, journal: bool = False) -> Undo:
    """Send all logging of this process through the allow-list.

    Args:
        config: Level and form.
        stream: Where lines go; standard error unless given.
        journal: Begin each line with the priority that journald reads from standard error.

    Returns:
        A function that puts everything back, for tests.
    """
    out = stream if stream is not None else sys.stderr
    console = config.form == "console" or (config.form == "auto" and out.isatty())
    line = _Line(console=console, colours=out.isatty(), journal=journal)
    undo_structlog = _configure_structlog(line, out, level=_LEVELS[config.level])
    undo_logging = _take_over_logging(_Handler(line, out), level=_LEVELS[config.level])
    undo_hooks = _take_over_hooks()

    def undo() -> None:
        undo_hooks()
        undo_logging()
        undo_structlog()

    return undo


_listeners: list[Callable[[BaseException], None]] = []


def on_exception(listener: Callable[[BaseException], None]) -> Undo:
    """Have a listener told of every exception that a log line carries, in whatever thread it was logged.

    Args:
        listener: Must be quick, keep nothing of the exception but classes and places, and not log.

    Returns:
        A function that takes the listener away.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Send what a loop's tasks and callbacks raise through the allow-list."""

    def report(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        _log().error("asyncio_error", exc_info=error if isinstance(error, BaseException) else None)

    loop.set_exception_handler(report)


def _log() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)
    return logger


def _configure_structlog(line: _Line, stream: TextIO, *, level: int) -> Undo:
    before = structlog.get_config()
    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Journal(str(names[0]) if names else "", stream),
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return lambda: structlog.configure(**before)


def _take_over_logging(handler: logging.Handler, *, level: int) -> Undo:
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = (root.handlers[:], root.level, access.disabled, logging.raiseExceptions)
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))  # what libraries say below a warning is not ours to keep
    access.disabled = True  # request lines hold people's ids
    logging.raiseExceptions = False  # its report of a failing handler prints the record's arguments

    def undo() -> None:
        root.handlers, root.level, access.disabled, logging.raiseExceptions = before
        root.setLevel(before[1])

    return undo


def _take_over_hooks() -> Undo:
    before = (sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning)

    def uncaught(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        _log().critical("uncaught_exception", exc_info=error)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        _log().critical("uncaught_exception_in_thread", exc_info=arguments.exc_value)

    def unraisable(arguments: Any) -> None:
        _log().error("exception_ignored", exc_info=arguments.exc_value)

    def warned(_message: Any, _category: type[Warning], _file: str, _line: int, *_rest: Any) -> None:
        _log().warning("python_warning", error=_category.__name__, at=f"{Path(_file).name}:{_line}")

    sys.excepthook, threading.excepthook = uncaught, in_thread
    sys.unraisablehook, warnings.showwarning = unraisable, warned  # type: ignore[assignment]

    def undo() -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning = before

    return undo


def _allowed(event: EventDict, *, name: str, level: str, literal: bool) -> EventDict:
    """A new event that holds what may be written, and nothing else."""
    said = event.pop("event", None)
    raised = event.pop("exc_info", None)
    line: EventDict = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": said if literal and isinstance(said, str) and _EVENT.fullmatch(said) else "event_withheld",
        "logger": name,
    }
    unknown = []
    for field, value in event.items():
        kind = FIELDS.get(field)
        if kind is None:
            unknown.append(type(value).__name__)
        elif value is not None:
            written = kind(value)
            line[field] = f"<withheld: {type(value).__name__}>" if written is None else written
    if unknown:
        line["withheld"] = unknown[:20]
    if error := _raised(raised):
        line["exception"] = [_link(link) for link in _chain(error)]
        for listener in _listeners:
            listener(error)
    return line


def _raised(value: object) -> BaseException | None:
    if isinstance(value, BaseException):
        return value
    if isinstance(value, tuple) and len(value) == 3:
        return value[1] if isinstance(value[1], BaseException) else None
    return sys.exc_info()[1] if value else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and the members of groups, at most six."""
    pending, seen = [error], 0
    while pending and seen < _MAX_CHAIN:
        link = pending.pop(0)
        seen += 1
        yield link
        cause = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        pending += [cause] if cause is not None else []
        pending += link.exceptions if isinstance(link, BaseExceptionGroup) else ()


def _link(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    places = [f"{'/'.join(Path(f.filename).parts[-3:])}:{f.lineno} {f.name}" for f in frames]
    link: dict[str, Any] = {"class": type(error).__name__, "at": places}
    if message := deliberate(error):
        link["message"] = message
    return link


def _one_line(link: Mapping[str, Any]) -> str:
    message = f": {link['message']}" if "message" in link else ""
    return f"{link['class']}{message}" + "".join(f"\n    {place}" for place in link["at"])


def _literal_event(event: EventDict) -> bool:
    said = event.get("event")
    return isinstance(said, str) and _is_literal(said)


def _is_literal(text: str) -> bool:
    """Whether a text is a constant of the function that logged it: then it comes from code, not from data."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _between(frame):
        frame = frame.f_back
    return frame is not None and any(type(c) is str and c == text for c in frame.f_code.co_consts)


def _between(frame: FrameType) -> bool:
    """Whether a frame belongs to the machinery that carries a message here."""
    module = str(frame.f_globals.get("__name__", ""))
    if module == __name__:
        return frame.f_code.co_name in _STEPS
    return module.partition(".")[0] in ("structlog", "logging")


def _module_name(name: str) -> str:
    """A logger's name where it is a module's, else the part that is; anything may be asked of getLogger."""
    parts = name.split(".")
    while parts and ".".join(parts) not in sys.modules:
        parts.pop()
    return ".".join(parts)
