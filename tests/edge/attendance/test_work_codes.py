from hypothesis import given
from hypothesis import strategies as st

from edge.attendance.work_codes import is_offered
from edge.config.attendance import AttendanceConfig

CODES = AttendanceConfig(work_codes=("paint", "weld"))


def test_a_record_needs_no_code() -> None:
    assert is_offered(None, CODES)
    assert is_offered(None, AttendanceConfig())


@given(code=st.text())
def test_only_the_sites_own_codes_are_offered_to_the_letter(code: str) -> None:
    assert is_offered(code, CODES) == (code in {"paint", "weld"})
    assert not is_offered(code, AttendanceConfig())
