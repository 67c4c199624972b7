"""A check's outcome, and how checks are run: one that breaks is a finding too, and stops nobody else.

Findings are printed and sent to support, so they carry no name, number, key or template.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from clockface.errors import ClockfaceError


class Health(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_AVAILABLE = "n/a"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Args:
        health: How it ended.
        found: What was found, in words.
        advice: What to do: the next command, where there is one; empty when nothing is to be done.
    """

    health: Health
    found: str
    advice: str = ""


def ok(found: str) -> Finding:
    """All is well."""
    return Finding(Health.OK, found)


def warn(found: str, advice: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(Health.WARN, found, advice)


def fail(found: str, advice: str) -> Finding:
    """It does not work, or not for long."""
    return Finding(Health.FAIL, found, advice)


def not_available(found: str) -> Finding:
    """Neither good nor bad: this machine, or its present state, gives no answer."""
    return Finding(Health.NOT_AVAILABLE, found)


@dataclass(frozen=True, slots=True)
class Check:
    """A named question.

    Args:
        name: Stable, for `--json`: "disk.space".
        run: Answers it. May raise whatever it likes.
    """

    name: str
    run: Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finding with the name of its check."""

    name: str
    finding: Finding


def run_checks(checks: Iterable[Check]) -> Iterator[Answer]:
    """Run checks one after the other, each answer as it comes."""
    for check in checks:
        yield Answer(check.name, _run(check))


def _run(check: Check) -> Finding:
    try:
        return check.run()
    except ClockfaceError as error:
        return failure(error)
    except Exception as error:  # noqa: BLE001  (the point: a broken check is a finding, not the end of doctor)
        place = f" at {error.filename}" if isinstance(error, OSError) and error.filename else ""
        return fail(
            f"the check itself failed: {type(error).__name__}{place}", "report this with `clockface version`"
        )


def failure(error: ClockfaceError) -> Finding:
    """A deliberate error as a finding: what and where, and its own next step as advice."""
    found = error.what if error.where is None else f"{error.what} ({error.where})"
    return fail(found, error.next_step or "see docs/doctor.md")


def worst(answers: Iterable[Answer]) -> Health:
    """The gravest health among answers; OK where nothing is worse."""
    order = (Health.FAIL, Health.WARN)
    present = {answer.finding.health for answer in answers}
    return next((health for health in order if health in present), Health.OK)
