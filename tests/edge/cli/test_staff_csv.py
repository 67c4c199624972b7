"""Staff lists: what does not fit is named by line and column, and no photograph lies outside of the folder."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.api.protocol.people import ConsentGiven
from edge.cli.staff_csv import BadRow, StaffRow, photos_of, read_staff
from edge.errors import EnrolmentError

PAPER = ConsentGiven(text_version="1", language="en", how="paper")
MADRID = ZoneInfo("Europe/Madrid")


def _read(
    folder: Path, text: str | bytes, consent: ConsentGiven | None = PAPER
) -> tuple[StaffRow | BadRow, ...]:
    path = folder / "staff.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_staff(path, consent=consent, zone=MADRID)


def _one(folder: Path, text: str, consent: ConsentGiven | None = PAPER) -> StaffRow:
    (row,) = _read(folder, text, consent)
    assert isinstance(row, StaffRow), row
    return row


def test_a_list_as_a_spreadsheet_saves_it_is_read(tmp_path: Path) -> None:
    text = '\ufeffNumber,Name,greeting,language\r\n007,"Núñez, José",Pepe,es\r\n\r\n8, Ada ,,\r\n'
    first, second = _read(tmp_path, text)
    assert isinstance(first, StaffRow)
    assert isinstance(second, StaffRow)
    assert (first.profile.number, first.profile.name, first.profile.greeting) == ("007", "Núñez, José", "Pepe")
    assert (second.profile.name, second.line, second.consent) == ("Ada", 4, PAPER)


def test_a_rows_own_consent_counts_before_the_one_for_all(tmp_path: Path) -> None:
    head = "number,name,consent_how,consent_text_version,consent_language,consent_date,consent_proof\n"
    row = _one(tmp_path, head + "1,Ada,imported,2,es,2026-03-01,HR 114\n")
    assert row.consent is not None
    assert (row.consent.how, row.consent.text_version) == ("imported", "2")
    assert row.consent.proof == "HR 114"
    assert row.consent.given_at == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert _one(tmp_path, head + "1,Ada,,,,,\n").consent == PAPER
    assert _one(tmp_path, "number,name\n1,Ada\n", None).consent is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1,", "name"),
        (",Ada", "number"),
        ("1,Ada,extra", "3 columns"),
        ("1", "1 columns"),
        ("1," + "x" * 201, "name"),
        ('1,"A\nB"', "name"),
        ("1,\x1b[31mAda", "name"),
    ],
)
def test_a_row_that_does_not_fit_names_its_line_and_column_and_not_its_content(
    tmp_path: Path, row: str, says: str
) -> None:
    good, bad = _read(tmp_path, f"number,name\n7,Fine\n{row}\n")
    assert isinstance(good, StaffRow)
    assert isinstance(bad, BadRow)
    assert bad.line >= 3
    assert says in bad.wrong
    assert "Ada" not in bad.wrong


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("paper,,", "text_version"),
        ("oral,1,en", "how"),
        ("paper,1,english!", "language"),
    ],
)
def test_half_a_consent_is_none(tmp_path: Path, cells: str, says: str) -> None:
    head = "number,name,consent_how,consent_text_version,consent_language\n"
    (bad,) = _read(tmp_path, head + f"1,Ada,{cells}\n")
    assert isinstance(bad, BadRow)
    assert says in bad.wrong


def test_a_date_that_is_none_is_named(tmp_path: Path) -> None:
    head = "number,name,consent_how,consent_text_version,consent_language,consent_date\n"
    (bad,) = _read(tmp_path, head + "1,Ada,paper,1,en,31/12/2026\n")
    assert isinstance(bad, BadRow)
    assert "consent_date" in bad.wrong


def test_a_number_that_stands_there_twice_is_refused_the_second_time(tmp_path: Path) -> None:
    _, second, _ = _read(tmp_path, "number,name\nA7,Ada\na7,Bob\n8,Cem\n")
    assert second == BadRow(3, "number: stands in line 2 already")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "missing: number, name"),
        (b"number,nam\n1,A\n", "unknown: nam"),
        (b"name,name,number\n", "twice"),
        (b"number;name\n1;Ada\n", "not separated by commas"),
        ("number,name\n1,Núñez\n".encode("latin-1"), "line 2.*|not UTF-8"),
        ("number,name\n1,Ada\n".encode("utf-16"), "UTF-16"),
        (b"number,name\n1,A\x00\n", "zero bytes"),
        (b'number,name\n1,"Ada\n', "not CSV"),
    ],
)
def test_a_file_that_is_no_staff_list_is_refused_as_a_whole(tmp_path: Path, raw: bytes, says: str) -> None:
    with pytest.raises(EnrolmentError, match=says):
        _read(tmp_path, raw)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match=r"missing\.csv"):
        read_staff(tmp_path / "missing.csv", consent=None, zone=MADRID)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd.jpg",
        "../secret.jpg",
        "a/../../b.jpg",
        "..\\b.jpg",
        "shadow",
        "a.jpg\x07",
        "x" * 300 + ".jpg",
    ],
)
def test_a_photographs_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (bad,) = _read(tmp_path, f"number,name,photos\n1,Ada,ok.jpg;{name}\n")
    assert isinstance(bad, BadRow)
    assert "photos" in bad.wrong


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (photos / "1.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(EnrolmentError, match="leads out of the folder"):
        photos_of(_one(tmp_path, "number,name\n1,Ada\n"), photos)


def test_photographs_are_found_by_number_or_by_name(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "7").mkdir(parents=True)
    for name in ("7.jpg", "7_2.PNG", "77.jpg", "7.txt", "7/b.webp", "other.jpg"):
        (photos / name).write_bytes(b"x")
    found = photos_of(_one(tmp_path, "number,name\n7,Ada\n"), photos)
    assert [str(path.relative_to(photos)) for path in found] == ["7/b.webp", "7.jpg", "7_2.PNG"]
    named = photos_of(_one(tmp_path, "number,name,photos\n7,Ada,other.jpg; 7/b.webp\n"), photos)
    assert [path.name for path in named] == ["other.jpg", "b.webp"]
    with pytest.raises(EnrolmentError, match="not there"):
        photos_of(_one(tmp_path, "number,name,photos\n7,Ada,gone.jpg\n"), photos)


def test_a_number_that_is_a_path_finds_nothing(tmp_path: Path) -> None:
    assert photos_of(_one(tmp_path, "number,name\n../..,Ada\n"), tmp_path) == ()
    assert photos_of(_one(tmp_path, "number,name\n*,Ada\n"), tmp_path) == ()


def test_a_row_does_not_print_whom_it_holds(tmp_path: Path) -> None:
    assert "Ada" not in repr(_one(tmp_path, "number,name\n1,Ada\n"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_other_than_by_refusing(tmp_path: Path, raw: bytes) -> None:
    try:
        rows = _read(tmp_path, b"number,name,photos\n" + raw)
    except EnrolmentError:
        return
    assert all(isinstance(row, StaffRow | BadRow) for row in rows)
