"""A site's holidays come from its settings and its file; a line that is no date names its place."""

from datetime import date
from pathlib import Path

import pytest

from clockface.errors import ConfigError
from sync.office.config.office import SiteConfig
from sync.office.holidays import MAX_BYTES, holidays_of


def site(file: Path | None) -> SiteConfig:
    return SiteConfig(name="a", timezone="UTC", holidays=(date(2026, 1, 1),), holidays_file=file)


def test_list_and_file_are_joined(tmp_path: Path) -> None:
    file = tmp_path / "holidays.txt"
    file.write_text("# Christmas\n2026-12-25  # and\n\n2026-12-26\n")
    assert holidays_of(site(file)) == {date(2026, 1, 1), date(2026, 12, 25), date(2026, 12, 26)}
    assert holidays_of(site(None)) == {date(2026, 1, 1)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"2026-12-25\n25.12.2026\n", r"holidays\.txt:2"),
        (b"2026-02-30\n", "no date"),
        (b"\xff\n", "not UTF-8"),
        (b"#" * (MAX_BYTES + 1), "larger"),
    ],
)
def test_a_file_that_is_no_list_of_dates_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "holidays.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        holidays_of(site(file))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        holidays_of(site(tmp_path / "absent"))
