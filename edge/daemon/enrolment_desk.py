"""Enrolment, for staff: from a photograph or the live camera, with the consent that it asks for.

Trust boundary: a picture is hostile until it is decoded within bounds (`edge.inference.photographs`); nothing
is stored for a stream that the asker left.
"""

import contextlib
from collections.abc import Generator

from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment, Subject
from edge.api.service import Peer
from edge.api.views import to_profile
from edge.daemon.camera_enrolment import CameraSession, Progress
from edge.daemon.enrolment import Applicant, Enroller, Enrolment
from edge.daemon.people_desk import PeopleDesk
from edge.daemon.tap import FrameTap
from edge.errors import ModelError
from edge.inference.photographs import decode
from edge.ports import Camera, Clock
from edge.types.identity import PersonId


class EnrolmentDesk:
    """Enrols people by face. Safe from several threads.

    Args:
        enroller: Judges and stores; None while the face path is out of service.
        fault: Why it is out of service; None while it is well.
        clock: Source of time.
        camera: For its health.
        tap: Lends frames to enrolment.
        people: Shows whom it enrolled.
    """

    def __init__(
        self,
        *,
        enroller: Enroller | None,
        fault: str | None,
        clock: Clock,
        camera: Camera,
        tap: FrameTap,
        people: PeopleDesk,
    ) -> None:
        self._enroller = enroller
        self._fault = fault
        self._clock = clock
        self._camera = camera
        self._tap = tap
        self._people = people

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes, peer: Peer) -> Enrolled:
        """Enrol from one picture."""
        enroller, applicant = self._ready(), self._applicant(request, peer)
        enroller.admit(applicant)
        sighting = enroller.look(decode(photo), largest=request.face == "largest")
        if applicant.person_id is not None and not applicant.replace:
            enroller.refuse_same_picture(applicant.person_id, sighting)
        return self._enrolled(enroller.enrol(applicant, [sighting]))

    def enrol_camera(
        self, request: CameraEnrolment, peer: Peer
    ) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera."""
        session = CameraSession(
            enroller=self._ready(),
            tap=self._tap,
            health=self._camera.health,
            now_s=lambda: self._clock.now().boottime_s,
        )
        steps = session.run(
            self._applicant(request, peer), frames=request.frames, time_limit_s=request.time_limit_s
        )
        with contextlib.closing(steps):
            for step in steps:
                if isinstance(step, Progress):
                    yield EnrolmentProgress.model_validate(
                        {
                            "taken": step.taken,
                            "wanted": request.frames,
                            "faces": step.faces,
                            "coaching": step.request,
                        }
                    )
                else:
                    yield self._enrolled(step)

    def _ready(self) -> Enroller:
        if self._enroller is None:
            raise ModelError(
                "the face path is out of service, so nobody can be enrolled by face",
                where=self._fault,
                next_step="clockface doctor",
            )
        return self._enroller

    def _applicant(self, request: Subject, peer: Peer) -> Applicant:
        return Applicant(
            person_id=None if request.person_id is None else PersonId(request.person_id),
            profile=None if request.profile is None else to_profile(request.profile),
            consent=None if request.consent is None else self._people.consent(request.consent, peer),
            accept_look_alike=request.accept_look_alike,
            replace=request.replace,
            actor=peer.account,
        )

    def _enrolled(self, enrolment: Enrolment) -> Enrolled:
        return Enrolled(
            person=self._people.person(enrolment.person_id),
            created=enrolment.created,
            templates_added=enrolment.added,
            templates_dropped=enrolment.dropped,
            look_alike=enrolment.look_alike,
            unlike_own=enrolment.unlike_own,
        )
