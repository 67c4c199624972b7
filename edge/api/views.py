"""From the pipeline's values to the protocol's messages; nothing here decides, and nothing comes back.

A greeting goes into an announcement's line and nowhere else.
"""

from edge.api.protocol.fields import OFFERED_WAYS
from edge.api.protocol.people import ConsentView, PersonProfile
from edge.api.protocol.punches import PunchView
from edge.api.protocol.stage import AnnouncementLine, Outline, PinPrompt, SceneLine, VerdictView
from edge.api.protocol.status import CameraStatus
from edge.types.announcements import Announcement
from edge.types.camera import CameraHealth
from edge.types.people import Consent, Profile
from edge.types.punches import RecordedPunch
from edge.types.verdicts import Scene, Verdict


def consent_view(consent: Consent) -> ConsentView:
    """A recorded consent for the wire."""
    return ConsentView(
        text_version=consent.text_version,
        language=consent.language,
        how=consent.how,
        given_at=consent.given_at,
        taken_by=consent.taken_by,
        proof=consent.proof,
    )


def verdict_view(verdict: Verdict) -> VerdictView:
    """A verdict for the wire."""
    return VerdictView(
        outcome=verdict.outcome.value,
        decided_s=verdict.decided_s,
        first_seen_s=verdict.first_seen_s,
        track_id=verdict.track_id,
        person_id=verdict.person_id,
        score=verdict.score,
        margin=verdict.margin,
        frames_matched=verdict.frames_matched,
        frames_agreed=verdict.frames_agreed,
        coaching=None if verdict.coaching is None else verdict.coaching.value,
        reason=verdict.reason,
    )


def scene_line(scene: Scene) -> SceneLine:
    """A scene for the wire, without its verdicts: they are lines of their own."""
    box = scene.outline
    return SceneLine(
        captured_s=scene.captured_s,
        faces=scene.faces,
        outline=None
        if box is None
        else Outline(left=box.left, top=box.top, width=box.width, height=box.height),
        coaching=None if scene.coaching is None else scene.coaching.value,
    )


def punch_view(
    recorded: RecordedPunch, *, profile: PersonProfile | None = None, delivered: bool | None = None
) -> PunchView:
    """A committed record for the wire."""
    punch = recorded.punch
    return PunchView(
        epoch=recorded.id.epoch,
        seq=recorded.id.seq,
        hash=recorded.id.hash,
        person_id=punch.person_id,
        profile=profile,
        at=punch.at.wall,
        utc_offset_s=punch.at.utc_offset_s,
        trust=punch.at.trust.value,
        day=punch.day,
        direction=punch.direction.value,
        source=punch.source.value,
        method=punch.method.value,
        work_code=punch.work_code,
        score=punch.score,
        model_hash=punch.model_hash,
        delivered=delivered,
    )


def announcement_line(announcement: Announcement) -> AnnouncementLine:
    """An announcement for the wire, greeting included."""
    a = announcement
    return AnnouncementLine(
        notice=a.notice.value,
        verdict=None if a.verdict is None else verdict_view(a.verdict),
        recorded=None if a.recorded is None else punch_view(a.recorded),
        coaching=None if a.coaching is None else a.coaching.value,
        greeting=a.greeting,
        detail=a.detail,
        messages=a.messages,
        seconds=a.seconds,
        language=a.language,
        prompt=None
        if a.prompt is None
        else PinPrompt.model_validate({"prompt_id": a.prompt.prompt_id, "asks": a.prompt.asks}),
        ways=tuple(way for way in OFFERED_WAYS if way in a.ways),
        not_me_s=a.not_me_s,
        correction_s=a.correction_s,
    )


def camera_status(health: CameraHealth, *, source: str) -> CameraStatus:
    """A camera's condition for the wire."""
    return CameraStatus(
        source=source,
        state=health.state.value,
        since_s=health.since_s,
        frames=health.frames,
        fps=health.fps,
        reopened=health.reopened,
        problem=health.problem[:500],
    )


def profile_view(profile: Profile) -> PersonProfile:
    """A stored profile for the wire."""
    return PersonProfile(
        name=profile.name, number=profile.number, greeting=profile.greeting, language=profile.language
    )


def to_profile(profile: PersonProfile) -> Profile:
    """A validated profile for the store."""
    return Profile(
        name=profile.name, number=profile.number, greeting=profile.greeting, language=profile.language
    )
