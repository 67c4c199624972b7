"""Enrolment: from a picture of one consenting person to a template in ledger and gallery, or a reason why not.

Order is the point: consent before the picture is looked at, judgement before anything is stored, the ledger in
one transaction before the gallery. Trust boundary: staff hand in pictures and names; who they are the kernel
said, and every act is in the audit trail. A look-alike is stored only if staff say so, and that is audited too.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from edge.config.attendance import EnrolmentConfig
from edge.config.recognition import QualityConfig
from edge.errors import ConsentMissing, EnrolmentError, LookAlike, NumberTaken, PhotoRefused
from edge.inference.analyser import Face, FaceAnalyser, portrayed
from edge.inference.chain import Models
from edge.inference.pipeline import Recogniser
from edge.ports import Clock
from edge.store.store import Store
from edge.types.clock import ClockTrust
from edge.types.faces import BgrImage, Coaching, Embedding
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Consent, Person, Profile, Template

# Cosine with an own template from which on it is the same picture. Measured on lfw-dev with the fused chain: a
# picture saved again as JPEG of quality 80 scores 0.981 and more, two pictures of one person 0.932 at most.
SAME_PICTURE = 0.96
BYSTANDER = 0.4  # of the largest face's width: a smaller face is in the background
FUTURE = timedelta(days=1)  # a consent cannot be given later than this; paper lists are a day off in time zones

_ASK = {
    Coaching.COME_CLOSER: "the face is too small: take a picture from nearer",
    Coaching.STEP_BACK: "the face fills the picture: take it from farther away",
    Coaching.MOVE_INTO_VIEW: "a part of the face is outside of the picture",
    Coaching.TOO_DARK: "the face is too dark, or has too little contrast",
    Coaching.TOO_BRIGHT: "the face is too bright",
    Coaching.LOOK_HERE: "the face is turned away from the camera",
    Coaching.HOLD_STILL: "the face is blurred",
    Coaching.UNCOVER_FACE: "the face is covered",
    Coaching.ONE_AT_A_TIME: "there is more than one person in the picture",
}


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whom to enrol: a known person, or a new one; validated by the protocol.

    Args:
        person_id: A person who is known; None for a new one.
        profile: Of a new person; None for a known one.
        consent: To record; None if one stands already.
        accept_look_alike: Staff's word that two people look alike.
        replace: Whether older templates make room.
        actor: The account that asks, as the kernel says.
    """

    person_id: PersonId | None
    profile: Profile | None
    consent: Consent | None
    accept_look_alike: bool
    replace: bool
    actor: str


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face that is good enough, embedded. Never logged.

    Args:
        probe: By the current chain.
        previous: By the chain before it, where both are live; to find look-alikes only.
    """

    probe: Embedding
    previous: Embedding | None

    def __repr__(self) -> str:
        return "Sighting(********)"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What was stored.

    Args:
        person_id: Whose.
        created: Whether the person is new.
        added: Templates stored.
        dropped: Older templates erased to make room.
        look_alike: Another person whom staff accepted as a look-alike.
        unlike_own: Whether the picture scores below the threshold with the person's other templates.
    """

    person_id: PersonId
    created: bool
    added: int
    dropped: int = 0
    look_alike: PersonId | None = None
    unlike_own: bool = False


class Enroller:
    """Judges pictures and stores templates. Safe from several threads: one enrolment is stored at a time.

    Args:
        store: The ledger.
        models: The open models.
        recogniser: Whose galleries learn at once.
        clock: Source of time.
        config: What enrolment asks for.
        quality: Limits of recognition; enrolment asks for a larger face.
        lock: Held while ledger and gallery change together.
        tell: Tells the site of a new or changed person, within the transaction that stores them.
        replaced: Tells the site which templates go because newer ones come, in the same transaction.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        store: Store,
        models: Models,
        recogniser: Recogniser,
        clock: Clock,
        config: EnrolmentConfig,
        quality: QualityConfig,
        lock: threading.RLock,
        tell: Callable[[PersonId], None],
        replaced: Callable[[PersonId, Sequence[TemplateId]], None],
    ) -> None:
        least_px = max(config.min_face_px, quality.min_face_px)
        self._store = store
        self._models = models
        self._recogniser = recogniser
        self._clock = clock
        self._config = config
        self._analyser = FaceAnalyser(models, limits=quality.model_copy(update={"min_face_px": least_px}))
        self._lock = lock
        self._tell = tell
        self._replaced = replaced

    @property
    def model_hash(self) -> ModelHash:
        """The chain that new templates are made with."""
        return self._analyser.model_hash

    @property
    def threshold(self) -> float:
        """The cosine in force above which two faces count as one person."""
        return self._recogniser.thresholds[self.model_hash].score

    def admit(self, applicant: Applicant) -> Person | None:
        """Check that this person may be enrolled at all, before any picture is looked at.

        Returns:
            The person, or None for a new one.

        Raises:
            PersonUnknown, NumberTaken: See each.
            ConsentMissing: None is recorded or given, or it was to another text than the one in force.
            EnrolmentError: The person is disabled, or the consent's time is in the future.
        """
        if applicant.consent is not None:
            self._check_consent(applicant.consent)
        if applicant.profile is not None:
            taken = self._store.people.find_by_number(applicant.profile.number)
            if taken is not None:
                raise NumberTaken(
                    "the employee number belongs to a person who is known already",
                    where=f"person {taken.person_id}",
                    next_step=f"clockface enroll --person {taken.person_id} ... adds pictures to that person",
                )
            if applicant.consent is None:
                raise _no_consent("no consent to biometric processing is given", None)
            return None
        person = self._store.people.get(_known(applicant))
        if not person.enabled:
            raise EnrolmentError(
                "the person is disabled",
                where=f"person {person.person_id}",
                next_step=f"clockface people enable {person.person_id}",
            )
        if applicant.consent is None:
            self._check_standing(person.person_id)
        return person

    def _check_consent(self, consent: Consent) -> None:
        now = self._clock.now()
        if now.trust is not ClockTrust.UNSYNCHRONISED and consent.given_at > now.wall + FUTURE:
            raise EnrolmentError("the consent's date lies in the future", next_step="correct --consent-date")
        if consent.text_version != self._config.consent_text_version:
            raise _no_consent(
                f"the consent is to text {consent.text_version}, in force is text "
                f"{self._config.consent_text_version}",
                None,
            )

    def _check_standing(self, person_id: PersonId) -> None:
        standing = self._store.consents.current(person_id)
        if standing is None:
            raise _no_consent("no consent to biometric processing is recorded", person_id)
        if standing.text_version != self._config.consent_text_version:
            raise _no_consent(
                f"the recorded consent is to text {standing.text_version}, in force is text "
                f"{self._config.consent_text_version}",
                person_id,
            )

    def look(self, image: BgrImage, *, largest: bool) -> Sighting:
        """Find the one usable face of a still picture and embed it.

        Args:
            image: (h, w, 3) uint8 BGR.
            largest: Take the person whom the picture is of, although others are in it.

        Raises:
            PhotoRefused: No face, several, or one that is not good enough; the reason is named.
        """
        with self._models.lock:
            found = self._analyser.detect(image)
            if not found:
                raise PhotoRefused(
                    "no face was found in the picture",
                    next_step="cut it to head and shoulders: the face should be a fifth of the picture's width",
                )
            widest = max(one.box.width for one in found)
            people = sum(one.box.width >= BYSTANDER * widest for one in found)
            if people > 1 and not largest:
                raise PhotoRefused(
                    f"there are {people} faces in the picture",
                    next_step="cut the picture to one person, or choose the nearest with --face largest",
                )
            face = self._analyser.examine(image, portrayed(found, image.shape))
            if face.quality.coaching is not None:
                raise PhotoRefused(
                    _ASK[face.quality.coaching],
                    where=f"face of {face.quality.face_px:.0f} pixels, {face.quality.coaching.value}",
                    next_step="take another picture; docs/enrolment.md says what a good one is like",
                )
            return self.sight(image, face)

    def sight(self, image: BgrImage, face: Face) -> Sighting:
        """Embed a face that is good enough, by every live chain."""
        with self._models.lock:
            previous = self._models.previous
            return Sighting(
                probe=self._analyser.template(image, face),  # becomes the template, so made with the same care
                previous=None if previous is None else previous.embed(image, face.landmarks),
            )

    def examine(self, image: BgrImage) -> tuple[Face | None, int]:
        """For the camera: the nearest face, examined, and how many people stand near enough to count."""
        with self._models.lock:
            found = self._analyser.detect(image)
            if not found:
                return None, 0
            nearest = max(found, key=lambda one: one.box.width)
            people = sum(one.box.width >= BYSTANDER * nearest.box.width for one in found)
            return self._analyser.examine(image, nearest), people

    def look_alike(self, sighting: Sighting, person_id: PersonId | None) -> PersonId | None:
        """Another person whom recognition would take this face for, or None."""
        for model_hash, probe in self._probes(sighting):
            gallery = self._recogniser.galleries[model_hash]
            threshold = self._recogniser.thresholds[model_hash].score
            for other, score in gallery.nearest(probe, limit=2):
                if other != person_id and score >= threshold:
                    return other
        return None

    def _probes(self, sighting: Sighting) -> list[tuple[ModelHash, Embedding]]:
        probes = [(self.model_hash, sighting.probe)]
        previous = self._models.previous
        if previous is not None and sighting.previous is not None:
            probes.append((previous.model_hash, sighting.previous))
        return probes

    def enrol(self, applicant: Applicant, sightings: Sequence[Sighting]) -> Enrolment:
        """Store one or more sightings of one person: all or none, then in the gallery at once.

        Raises:
            LookAlike: The face is enrolled under another person, and staff did not accept that.
            EnrolmentError: As for `admit`; or the person has the most templates already.
        """
        with self._lock:
            person = self.admit(applicant)
            person_id = None if person is None else person.person_id
            alike = self._judge_look_alike(applicant, sightings, person_id)
            unlike = person_id is not None and self._unlike_own(person_id, sightings)
            with self._store.database.write():
                subject = self._register(applicant, person_id)
                dropped = self._make_room(subject, len(sightings), applicant)
                templates = [self._template(subject, sighting) for sighting in sightings]
                for template in templates:
                    self._store.templates.add(template, actor=applicant.actor)
                if alike is not None:
                    self._store.audit.append(
                        "enrolment.look_alike_accepted", actor=applicant.actor, subject=subject, detail=alike
                    )
            gallery = self._recogniser.galleries[self.model_hash]
            if dropped:
                gallery.replace(subject, templates)
            else:
                gallery.add(templates)
        return Enrolment(subject, person is None, len(templates), dropped, alike, unlike)

    def _judge_look_alike(
        self, applicant: Applicant, sightings: Sequence[Sighting], person_id: PersonId | None
    ) -> PersonId | None:
        others = (self.look_alike(sighting, person_id) for sighting in sightings)
        alike = next((other for other in others if other is not None), None)
        if alike is not None and not applicant.accept_look_alike:
            raise LookAlike(
                "this face is enrolled under another person",
                where=f"person {alike}",
                next_step=f"clockface people show {alike}; if both are right, add --accept-look-alike",
            )
        return alike

    def refuse_same_picture(self, person_id: PersonId, sighting: Sighting) -> None:
        """Refuse a photograph that is a template's own: it would add nothing.

        Raises:
            PhotoRefused: It is enrolled already.
        """
        score = self._recogniser.galleries[self.model_hash].score_of(person_id, sighting.probe)
        if score is not None and score >= SAME_PICTURE:
            raise PhotoRefused(
                "this picture of the person is enrolled already",
                where=f"person {person_id}",
                next_step="nothing to do, or give another picture",
            )

    def _unlike_own(self, person_id: PersonId, sightings: Sequence[Sighting]) -> bool:
        gallery = self._recogniser.galleries[self.model_hash]
        scores = (gallery.score_of(person_id, sighting.probe) for sighting in sightings)
        return any(score is not None and score < self.threshold for score in scores)

    def _register(self, applicant: Applicant, person_id: PersonId | None) -> PersonId:
        if person_id is None:
            if applicant.profile is None:
                raise EnrolmentError("a new person needs a name and an employee number")
            person_id = self._store.people.add(applicant.profile, actor=applicant.actor)
        if applicant.consent is not None:
            self._store.consents.record(person_id, applicant.consent, actor=applicant.actor)
        if applicant.profile is not None or applicant.consent is not None:
            self._tell(person_id)
        return person_id

    def _make_room(self, person_id: PersonId, wanted: int, applicant: Applicant) -> int:
        """Erase the person's templates of this chain if staff want that; returns how many."""
        most = self._config.max_templates
        own = [each for each, model in self._store.templates.of_person(person_id) if model == self.model_hash]
        kept = 0 if applicant.replace else len(own)
        if kept + wanted > most:
            raise EnrolmentError(
                f"the person has {len(own)} templates; {most} is the most (enrolment.max_templates)",
                where=f"person {person_id}",
                next_step="repeat with --replace, which erases the older ones",
            )
        if applicant.replace:
            self._replaced(person_id, own)
            for template_id in own:
                self._store.templates.remove(template_id, actor=applicant.actor)
        return len(own) - kept

    def _template(self, person_id: PersonId, sighting: Sighting) -> Template:
        return Template(TemplateId(secrets.token_hex(16)), person_id, self.model_hash, sighting.probe)


def _known(applicant: Applicant) -> PersonId:
    if applicant.person_id is None:
        raise EnrolmentError("say whom to enrol: a known person, or a new one")
    return applicant.person_id


def _no_consent(what: str, person_id: PersonId | None) -> ConsentMissing:
    return ConsentMissing(
        what,
        where=None if person_id is None else f"person {person_id}",
        next_step="give --consent-how, --consent-text-version and --consent-language",
    )
