"""Every deliberate error has an exit code of its own, in the range of its process."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import clockface
import edge
import sync
from clockface.errors import ClockfaceError

RANGES = {
    "clockface": range(1, 100),
    "edge": range(20, 100),
    "sync": range(100, 120),
    "sync.office": range(120, 150),
    "sync.office.authority": range(150, 160),
    "sync.office.broker": range(160, 165),
    "sync.office.database": range(170, 190),
}


def errors(base: type[ClockfaceError] = ClockfaceError) -> Iterator[type[ClockfaceError]]:
    for package in (clockface, edge, sync):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] == "errors":
                importlib.import_module(module.name)
    pending = [base]
    while pending:
        kind = pending.pop()
        if not kind.__module__.startswith("tests."):
            yield kind
        pending += kind.__subclasses__()


def test_no_two_errors_of_any_process_share_an_exit_code() -> None:
    codes = [kind.exit_code for kind in errors()]
    assert len(codes) > 30
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", list(errors()), ids=lambda kind: kind.__name__)
def test_every_error_says_what_it_means_and_keeps_to_the_codes_of_its_process(
    kind: type[ClockfaceError],
) -> None:
    module = kind.__module__.removesuffix(".errors")
    assert module in RANGES, f"{kind.__name__} belongs into an errors module"
    assert "exit_code" in vars(kind)
    assert kind.exit_code in RANGES[module]
    assert kind.__doc__


def test_a_message_says_what_where_and_the_next_step() -> None:
    error = ClockfaceError("it broke", where="/a", next_step="mend it")
    assert str(error) == "it broke (/a). Next: mend it"
    assert str(ClockfaceError("it broke")) == "it broke"
