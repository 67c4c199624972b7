from pathlib import Path

import pytest

from edge.doctor.findings import (
    Answer,
    Check,
    Finding,
    Health,
    fail,
    not_available,
    ok,
    run_checks,
    warn,
    worst,
)
from edge.errors import LedgerCorrupt


def broken() -> Finding:
    raise ZeroDivisionError("Ada Lovelace, number 1815")


def unreadable() -> Finding:
    Path("/nowhere/at/all").read_bytes()
    raise AssertionError


def corrupt() -> Finding:
    raise LedgerCorrupt("the hash of event 7 does not hold", where="ledger.db", next_step="restore it")


def test_a_check_that_breaks_is_a_failure_with_its_class_and_the_others_go_on() -> None:
    checks = [Check("a", broken), Check("b", unreadable), Check("c", corrupt), Check("d", lambda: ok("well"))]
    a, b, c, d = (answer.finding for answer in run_checks(checks))
    assert a.health is b.health is c.health is Health.FAIL
    assert "ZeroDivisionError" in a.found
    assert "Ada" not in a.found + a.advice
    assert "FileNotFoundError at /nowhere/at/all" in b.found
    assert (c.found, c.advice) == ("the hash of event 7 does not hold (ledger.db)", "restore it")
    assert d == ok("well")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Health.OK),
        ([ok(""), not_available("")], Health.OK),
        ([ok(""), warn("", "")], Health.WARN),
        ([warn("", ""), fail("", ""), ok("")], Health.FAIL),
    ],
)
def test_the_gravest_finding_is_the_health_of_all(findings: list[Finding], expected: Health) -> None:
    assert worst(Answer("x", finding) for finding in findings) is expected
