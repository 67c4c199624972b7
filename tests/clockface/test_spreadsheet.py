# ruff: noqa: RUF001  (full-width signs are what is tested)
"""Texts that a spreadsheet would run are inert, and come back to the letter."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clockface.spreadsheet import guard, unguard, write_cells

NASTY = "=+-@＝＋－＠﹢\u2212⁺'\"`,;|\t\r\n\u2028\u200b\ufeff\xa0 ab0"
texts = st.text() | st.text(alphabet=NASTY, max_size=12)


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("+34 600", "'+34 600"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("  =1", "'  =1"),
        ("\u200b=1", "'\u200b=1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠A", "'＠A"),
        ("\u22125", "'\u22125"),
        ("'quoted", "''quoted"),
        ("a;=cmd|'/C calc'!A0", "a;'=cmd|''/C calc'!A0"),
        ('a",=1', "a\",'=1"),
        ("Anna-María O'Neill", "Anna-María O'Neill"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_what_would_run_is_made_inert_and_the_rest_is_left_alone(text: str, guarded: str) -> None:
    assert guard(text) == guarded
    assert unguard(guarded) == text


@given(text=texts)
@example("'" * 5)
@example(";';'=")
def test_guarding_can_be_undone_to_the_letter(text: str) -> None:
    assert unguard(guard(text)) == text


def test_numbers_flags_and_what_is_not_known_have_one_form_each() -> None:
    out = io.StringIO(newline="")
    assert write_cells(("a", "b", "c", "d"), [(1, True, None, -2), ("=x", False, "", 0.5)], out) == 2
    lines = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert lines == [["a", "b", "c", "d"], ["1", "yes", "", "'-2"], ["'=x", "no", "", "0.5"]]
