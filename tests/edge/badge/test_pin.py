"""PINs, one-time codes, and how long somebody waits after wrong ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.badge import codes, pin
from edge.badge.attempts import FREE, LONGEST_WAIT, Attempts

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def test_a_pin_fits_itself_alone_and_is_kept_salted() -> None:
    one, again = pin.hashed("8052"), pin.hashed("8052")
    assert one.hash != again.hash
    assert pin.fits("8052", pin.PinHash.of_fields(one.as_fields()))
    assert not pin.fits("8053", one)
    assert "8052" not in repr(one) + str(one.as_fields())


def test_nobody_s_pin_costs_as_much_and_never_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    real = pin._derive

    def counted(typed: str, salt: bytes, *, cost: int, block: int, lanes: int) -> bytes:
        asked.append((cost, block, lanes))
        return real(typed, salt, cost=cost, block=block, lanes=lanes)

    kept = pin.hashed("8052")
    monkeypatch.setattr(pin, "_derive", counted)
    assert not pin.fits("8052", None)
    assert not pin.fits("1111", kept)
    assert asked[0] == asked[1]


@pytest.mark.parametrize("easy", ["1111", "1234", "9876", "7890", "1212", "121212", "4711"])
def test_what_somebody_tries_first_is_refused(easy: str) -> None:
    assert pin.too_easy(easy, number="A-4711")


@pytest.mark.parametrize("fine", ["8052", "1357", "4471", "90210"])
def test_other_pins_are_not(fine: str) -> None:
    assert not pin.too_easy(fine, number="A-4711")


def test_codes_are_those_of_rfc_6238() -> None:
    secret = b"12345678901234567890"
    for second, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert codes.code_of(secret, second // codes.STEP_S) == code


def test_a_code_counts_once_and_only_about_now() -> None:
    secret, step = codes.new_secret(), codes.step_of(NOW)
    code = codes.code_of(secret, step)
    assert codes.accepted_step(code, secret=secret, at=NOW, after=0) == step
    assert codes.accepted_step(code, secret=secret, at=NOW, after=step) is None
    assert codes.accepted_step(code, secret=secret, at=NOW + timedelta(seconds=30), after=0) == step
    assert codes.accepted_step(code, secret=secret, at=NOW + timedelta(minutes=5), after=0) is None


def test_the_first_wrong_ones_cost_nothing_and_the_wait_doubles_to_a_bound() -> None:
    tried, waits = Attempts(), []
    for _ in range(12):
        tried = tried.failed(NOW)
        waits.append(tried.wait_s(NOW))
    assert waits[: FREE - 1] == [0.0, 0.0]
    assert waits[FREE - 1 : FREE + 2] == [30.0, 60.0, 120.0]
    assert waits[-1] == LONGEST_WAIT.total_seconds()
    assert tried.wait_s(NOW + LONGEST_WAIT) == 0.0
    assert tried.failed(NOW + timedelta(days=2)).failures == 1


@given(st.integers(0, 10_000), st.integers(-400_000, 400_000))
def test_no_clock_locks_anybody_out_for_longer(failures: int, seconds: int) -> None:
    waits = Attempts(failures, NOW).wait_s(NOW + timedelta(seconds=seconds))
    assert 0.0 <= waits <= LONGEST_WAIT.total_seconds()
