"""The protocol's values: bounded, closed, light to import, and of one mind with edge.types."""

import contextlib
import importlib
import pkgutil
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from clockface.errors import ClockfaceError
from edge.api import protocol
from edge.api.problems import ERRORS, to_error, to_problem
from edge.api.protocol.courier import EnvelopeQuery
from edge.api.protocol.enrolment import EnrolmentLine, PhotoEnrolment
from edge.api.protocol.exchange import Message, Problem
from edge.api.protocol.fields import (
    CameraCode,
    CoachingCode,
    DirectionCode,
    MethodCode,
    NoticeCode,
    OutcomeCode,
    SourceCode,
    TrustCode,
)
from edge.api.protocol.people import PersonProfile
from edge.api.protocol.punches import PunchQuery
from edge.api.protocol.stage import StageLine
from edge.errors import ApiError, PhotoRefused
from edge.types.announcements import Notice
from edge.types.camera import CameraState
from edge.types.clock import ClockTrust
from edge.types.faces import Coaching
from edge.types.punches import Direction, DirectionSource, Method
from edge.types.verdicts import Outcome

ID = "0" * 32
MODULES = [f"{protocol.__name__}.{each.name}" for each in pkgutil.iter_modules(protocol.__path__)]


def _messages() -> list[type[Message]]:
    return [
        value
        for module in MODULES
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Message)
    ]


def test_importing_the_protocol_loads_neither_numpy_nor_opencv_nor_sqlite() -> None:
    code = (
        f"import sys, {', '.join(MODULES)}; "
        "print([m for m in ('numpy','cv2','sqlite3','aiohttp','httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("codes", "enumeration"),
    [
        (CoachingCode, Coaching),
        (OutcomeCode, Outcome),
        (NoticeCode, Notice),
        (DirectionCode, Direction),
        (SourceCode, DirectionSource),
        (MethodCode, Method),
        (CameraCode, CameraState),
        (TrustCode, ClockTrust),
    ],
)
def test_codes_on_the_wire_are_the_pipelines_own(codes: object, enumeration: type) -> None:
    assert list(get_args(codes)) == [member.value for member in enumeration]


def test_every_message_is_frozen_and_refuses_unknown_fields() -> None:
    messages = _messages()
    assert len(messages) > 100
    for message in messages:
        assert message.model_config["frozen"] is True
        assert message.model_config["extra"] == "forbid"


def test_a_subject_is_either_known_or_new_never_both_or_neither() -> None:
    profile = PersonProfile(name="Ada", number="1")
    with pytest.raises(ValidationError):
        PhotoEnrolment()
    with pytest.raises(ValidationError):
        PhotoEnrolment(person_id=ID, profile=profile)
    assert PhotoEnrolment(profile=profile).profile == profile


def test_a_point_in_the_ledger_needs_epoch_and_number() -> None:
    with pytest.raises(ValidationError):
        EnvelopeQuery(after_seq=3)


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "", " " * 9, "x" * 201])
def test_a_name_is_one_line_of_sane_length(text: str) -> None:
    with pytest.raises(ValidationError):
        PersonProfile(name=text, number="1")


def test_a_profile_does_not_print_what_it_holds() -> None:
    profile = PersonProfile(name="Ada Lovelace", number="1815")
    assert "Ada" not in f"{profile!r} {profile}"
    assert "1815" not in f"{profile!r} {profile}"


def test_a_refusal_does_not_repeat_the_refused_value() -> None:
    with pytest.raises(ValidationError) as caught:
        PersonProfile(name="Ada Lovelace\n", number="1" * 99)
    assert "111" not in str(caught.value)


@pytest.mark.parametrize("kind", ERRORS.values(), ids=ERRORS)
def test_every_error_survives_the_way_through_the_socket(kind: type[ClockfaceError]) -> None:
    error = kind("what", where="where", next_step="next")
    back = to_error(Problem.model_validate_json(to_problem(error).model_dump_json()))
    assert type(back) is kind
    assert str(back) == str(error)
    assert to_problem(error).exit_code == kind.exit_code


def test_an_error_that_this_version_does_not_know_is_an_api_error() -> None:
    problem = to_problem(PhotoRefused("x")).model_copy(update={"error": "FromTheFuture"})
    assert type(to_error(problem)) is ApiError


def test_a_subclass_defined_elsewhere_travels_as_the_known_class_above_it() -> None:
    class Blurred(PhotoRefused):
        pass

    assert to_problem(Blurred("x")).error == "PhotoRefused"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_no_json_makes_a_decoder_fail_other_than_by_refusing(value: object) -> None:
    for message in (PersonProfile, PhotoEnrolment, PunchQuery, EnvelopeQuery, Problem):
        with contextlib.suppress(ValidationError):
            message.model_validate(value)


@given(st.binary(max_size=200))
def test_no_bytes_make_a_line_decoder_fail_other_than_by_refusing(raw: bytes) -> None:
    for adapter in (TypeAdapter(StageLine), TypeAdapter(EnrolmentLine)):
        with contextlib.suppress(ValidationError):
            adapter.validate_json(raw)


def test_deeply_nested_json_is_refused_not_followed() -> None:
    with pytest.raises(ValidationError):
        PersonProfile.model_validate_json(b"[" * 100_000)
