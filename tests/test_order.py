"""The files that begin first are there: a name that leads nowhere would be passed over in silence."""

from pathlib import Path

from tests.conftest import LONGEST_FIRST


def test_every_file_that_is_to_begin_first_is_there() -> None:
    assert [name for name in LONGEST_FIRST if not (Path(__file__).parent / name).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)
