"""A file of people: any bytes are read completely or refused with their lines, and never quoted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.office.errors import ImportRefused
from sync.office.people_file import MAX_FILE_BYTES, read_people

cells = st.text(max_size=12) | st.sampled_from(["=1+1", '"', ",", "\n", "\x00", "ß", "\ufeff"])


@given(st.binary(max_size=300) | cells.map(lambda text: b"number,name\n" + text.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        lines = read_people(raw, where="people.csv")
    except ImportRefused:
        return
    assert len({each.number for each in lines}) == len(lines)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"number,name\n1,Ann\n2,\xff\n", "line 3 is not UTF-8"),
        (b"name\nAnn\n", "missing: number"),
        (b"number,name,salary\n", "unknown or twice: column 3"),
        (b"number,name,name\n", "unknown or twice: column 3"),
        (b'number,name\n1,"Ann\n', "a quotation mark that is not closed"),
        (b"", "missing: number, name"),
        (b"x" * (MAX_FILE_BYTES + 1), "larger than 8 MiB"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(raw: bytes, said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        read_people(raw, where="people.csv")


def test_columns_come_in_any_order_and_a_guarded_text_is_read_as_it_was_meant() -> None:
    raw = "\ufeffname,greeting,number\r\n\"'-Ann\",Hi,'+17\r\n\r\n".encode()
    [line] = read_people(raw, where="people.csv")
    assert line.number == "+17"
    assert line.values == {"name": "-Ann", "greeting": "Hi", "employee_number": "+17"}
