"""When an update may begin."""

from datetime import time

import pytest

from edge.update.plan import End, Head, Start, decide, may_start


@pytest.mark.parametrize(
    ("begins", "ends", "now", "start"),
    [
        (time(2), time(5), time(2), Start.NOW),
        (time(2), time(5), time(4, 59), Start.NOW),
        (time(2), time(5), time(5), Start.OUTSIDE_HOURS),
        (time(22), time(4), time(23), Start.NOW),
        (time(22), time(4), time(3), Start.NOW),
        (time(22), time(4), time(12), Start.OUTSIDE_HOURS),
        (time(0), time(0), time(12), Start.NOW),
    ],
)
def test_the_hours_may_go_over_midnight_or_be_all(begins: time, ends: time, now: time, start: Start) -> None:
    assert (
        may_start(newer=True, failed_before=False, now=now, begins=begins, ends=ends, idle=True, at_once=False)
        is start
    )


def test_a_ledger_that_cannot_be_read_any_more_goes_back_to_its_copy() -> None:
    assert decide(healthy=False, before=Head(5, 3), now=None) is End.BACK_WITH_LEDGER
