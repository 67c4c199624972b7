"""Enrolment from a photograph or the live camera: what is asked, how it goes, what was stored."""

from typing import Annotated, Any, Literal

from pydantic import Field

from edge.api.protocol.exchange import Heartbeat, Message, Problem
from edge.api.protocol.fields import CoachingCode, PersonKey
from edge.api.protocol.people import ConsentGiven, PersonProfile, PersonView


class Subject(Message):
    """Whom to enrol: a person who is known, or a new one; with a consent if none is recorded yet."""

    person_id: PersonKey | None = None
    profile: PersonProfile | None = None
    consent: ConsentGiven | None = None
    accept_look_alike: bool = Field(default=False, description="For twins; recorded in the audit trail.")
    replace: bool = Field(default=False, description="Erase the person's older templates.")

    def model_post_init(self, _context: Any, /) -> None:
        """Exactly one of person_id and profile."""
        if (self.person_id is None) == (self.profile is None):
            raise ValueError("give either person_id or profile")


class PhotoEnrolment(Subject):
    """Part `request` of POST /v1/enrolments/photo; part `photo` is the picture's bytes."""

    face: Literal["only", "largest"] = Field(
        default="only", description="only: several faces are refused. largest: the nearest person is taken."
    )


class CameraEnrolment(Subject):
    """Body of POST /v1/enrolments/camera; the answer is a stream of `EnrolmentLine`."""

    frames: int = Field(default=3, ge=1, le=20, description="Good and varied frames to take.")
    time_limit_s: float = Field(default=60.0, ge=5.0, le=300.0)


class Enrolled(Message):
    """A template was stored."""

    kind: Literal["enrolled"] = "enrolled"
    person: PersonView
    created: bool = Field(description="Whether the person is new.")
    templates_added: int = Field(ge=0)
    templates_dropped: int = Field(default=0, ge=0, description="Older ones that made room.")
    look_alike: PersonKey | None = Field(default=None, description="Accepted look-alike.")
    unlike_own: bool = Field(default=False, description="Scores below the threshold with the person's others.")


class EnrolmentProgress(Message):
    """Guidance during enrolment from the camera."""

    kind: Literal["progress"] = "progress"
    taken: int = Field(ge=0)
    wanted: int = Field(ge=1)
    faces: int = Field(ge=0)
    coaching: CoachingCode | None = None


class EnrolmentFailed(Message):
    """How an enrolment stream ends when it fails."""

    kind: Literal["failed"] = "failed"
    problem: Problem


EnrolmentLine = Annotated[
    EnrolmentProgress | Enrolled | EnrolmentFailed | Heartbeat, Field(discriminator="kind")
]
