"""Errors on their way through a socket: `ClockfaceError` to problem details and back to the same class.

The class travels by name, so exit codes and `except` clauses work in the client as they do in the daemon. A
name that this version does not know becomes an `ApiError` with the daemon's words; nothing is ever evaluated.
"""

import structlog

from clockface import errors as shared
from clockface.errors import ClockfaceError
from edge import errors
from edge.api.protocol.exchange import Problem
from edge.errors import ApiError


def _subclasses(base: type[ClockfaceError]) -> dict[str, type[ClockfaceError]]:
    found = {base.__name__: base}
    for child in base.__subclasses__():
        if child.__module__ in (errors.__name__, shared.__name__):
            found |= _subclasses(child)
    return found


log = structlog.get_logger(__name__)

ERRORS = _subclasses(ClockfaceError)

# HTTP's status is for debugging with curl only; clients go by the class name.
_STATUS: tuple[tuple[type[ClockfaceError], int], ...] = (
    (errors.PersonUnknown, 404),
    (errors.NumberTaken, 409),
    (errors.LookAlike, 409),
    (errors.ConsentMissing, 409),
    (errors.EnrolmentError, 422),
    (errors.NotPermitted, 403),
    (errors.SessionNeeded, 403),
    (errors.SessionRefused, 403),
    (errors.ProtocolMismatch, 426),
    (errors.ApiError, 400),
    (errors.AttendanceError, 422),
    (errors.LedgerLocked, 503),
    (errors.CameraError, 503),
)


def status_of(error: ClockfaceError) -> int:
    """The HTTP status that fits an error; 500 where nothing fits better."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def to_problem(error: ClockfaceError, *, status: int | None = None) -> Problem:
    """Write an error down for the other side; long texts are cut."""
    known = next(kind for kind in type(error).__mro__ if kind.__name__ in ERRORS)
    return Problem(
        title=error.what[:1000],
        status=status_of(error) if status is None else status,
        error=known.__name__,
        exit_code=error.exit_code,
        where=None if error.where is None else error.where[:1000],
        next_step=None if error.next_step is None else error.next_step[:1000],
    )


def to_error(problem: Problem) -> ClockfaceError:
    """The error that a problem stands for, ready to be raised."""
    kind = ERRORS.get(problem.error, ApiError)
    return kind(problem.title, where=problem.where, next_step=problem.next_step)


def unexpected(error: Exception, *, where: str) -> Problem:
    """What a client learns of a bug: where to look. The log names type and place, never message or locals."""
    log.error("request_failed", path=where, exc_info=error)
    told = ApiError(
        "the daemon failed on this request; the reason is in its log",
        where=where[:200],
        next_step="journalctl -u clockface-edge",
    )
    return to_problem(told, status=500)
