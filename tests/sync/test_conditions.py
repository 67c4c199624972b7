"""Every way in which a connection ends has words, a next step and a place in the log."""

import socket
import ssl

import pytest

from clockface.log_fields import FIELDS
from sync.conditions import Condition, condition_of, condition_of_reason, explain


@pytest.mark.parametrize("condition", list(Condition))
def test_each_condition_is_explained_and_may_be_logged(condition: Condition) -> None:
    error = explain(condition, where="mqtt.example.com:8883")
    assert error.what
    assert error.next_step
    assert FIELDS["reason"](condition) == condition.value
    assert str(FIELDS["error"](error)).startswith(type(error).__name__)


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (socket.gaierror(-2, "x"), Condition.NAME_UNKNOWN),
        (ConnectionRefusedError(), Condition.ADDRESS_REFUSED),
        (TimeoutError(), Condition.TIMED_OUT),
        (ConnectionResetError(), Condition.LOST),
        (OSError(113, "x"), Condition.ADDRESS_UNREACHABLE),
        (ssl.SSLError(1, "x"), Condition.TLS_FAILED),
    ],
)
def test_errors_of_the_network_have_names(error: OSError, condition: Condition) -> None:
    assert condition_of(error) is condition


def test_a_reason_that_we_do_not_know_has_the_name_of_its_occasion() -> None:
    assert condition_of_reason(0x87, otherwise=Condition.BROKER_ENDED) is Condition.NOT_AUTHORISED
    assert condition_of_reason(0xFF, otherwise=Condition.BROKER_ENDED) is Condition.BROKER_ENDED
